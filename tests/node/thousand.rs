//! A thousand configurations as custom resources.
use crate::{
    bed::{Release, apply, attempt, eventually, kubectl, tell, writes},
    memory::steady_working_set,
    repository::{Repository, configuration},
};
use std::time::Instant;

const CONFIGURATIONS: usize = 1000;

#[test]
#[ignore = "it takes a node: ./test node"]
fn a_thousand_resources_become_compliant_and_then_nothing_is_written() {
    let files: Vec<(String, String)> = (0..CONFIGURATIONS)
        .map(|number| {
            let object = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}, namespace: shop}}\n");
            (format!("c{number}/object.yaml"), object)
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let repository = Repository::serve(&files);
    let release = Release::install(&repository.values(&[]).to_string());
    kubectl(&["create", "namespace", "shop"]);
    let all = (0..CONFIGURATIONS).fold(String::new(), |all, number| {
        let one = configuration(&format!("c{number}"), &repository.url(), &format!("c{number}"));
        all + "---\n" + &one.replace("syncIntervalInSeconds: 1", "syncIntervalInSeconds: 10")
    });

    let begun = Instant::now();
    apply(&all);
    let applied = begun.elapsed().as_secs_f64();
    eventually("all are Compliant", || {
        let states = "jsonpath={range .items[*]}{.status.complianceState}{\"\\n\"}{end}";
        let states =
            attempt("kubectl", &["get", "fluxconfigurations", "--namespace", "shop", "-o", states], "").ok()?;
        (states.lines().filter(|state| *state == "Compliant").count() == CONFIGURATIONS).then_some(())
    });
    let compliant = begun.elapsed().as_secs_f64();

    let (pod, _) = release.leader();
    let not_the_lease = || writes().iter().filter(|write| !write.object.starts_with("leases/")).count();
    // What was told last is still on its way.
    steady_working_set(&pod);
    let before = not_the_lease();
    let quiet = Instant::now();
    let bytes = steady_working_set(&pod);
    assert_eq!(not_the_lease(), before, "nothing changes, and nothing is written");
    tell(&format!(
        "scale: {CONFIGURATIONS} resources, applied by kubectl in {applied:.1} s, Compliant {compliant:.1} s after it began; then no write \
         in {:.0} s, and a working set of {:.1} MiB",
        quiet.elapsed().as_secs_f64(),
        bytes / 1_048_576.0
    ));
    drop(release);
    kubectl(&["delete", "namespace", "shop"]);
}
