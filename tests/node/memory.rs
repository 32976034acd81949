//! What a hundred configurations take.
use crate::{
    bed::{Release, eventually, kubectl, process_of, read, tell},
    repository::{Repository, configuration},
};
use std::{fmt::Write as _, time::Instant};

const CONFIGURATIONS: usize = 100;

/// Four ConfigMaps.
fn objects(number: usize) -> String {
    (0..4).fold(String::new(), |mut text, object| {
        write!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}-{object}, namespace: shop}}\ndata: {{number: '{number}'}}\n"
        )
        .expect("written");
        text
    })
}

#[test]
#[ignore = "it takes a node: ./test node"]
fn a_hundred_configurations_stay_within_the_limit() {
    let files: Vec<(String, String)> =
        (0..CONFIGURATIONS).map(|number| (format!("c{number}/objects.yaml"), objects(number))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let repository = Repository::serve(&files);
    let all = (0..CONFIGURATIONS).fold(String::new(), |all, number| {
        let one = configuration(&format!("c{number}"), &repository.url(), &format!("c{number}"));
        all + "---\n" + &one.replace("syncIntervalInSeconds: 1", "syncIntervalInSeconds: 60")
    });
    let begun = Instant::now();
    let release = Release::install(&repository.values(&[("all.yaml", &all)]).to_string());
    release.wait_compliant(CONFIGURATIONS);
    let compliant = begun.elapsed().as_secs_f64();
    let (pod, _) = release.leader();
    let working_set = steady_working_set(&pod);
    let process = process_of(&pod).expect("a process");
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let kib =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    tell(&format!(
        "memory: {CONFIGURATIONS} configurations of 4 objects, Compliant {compliant:.1} s after helm install began; \
         at rest a working set of {:.1} MiB by the kubelet, VmRSS {}, VmHWM {}",
        working_set / 1_048_576.0,
        kib("VmRSS:"),
        kib("VmHWM:")
    ));
    let pod = read(&["pod", &pod, "--namespace", Release::NAMESPACE]);
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "the limit suffices");
    drop(release);
    kubectl(&["delete", "namespace", "shop"]);
}

/// Bytes, by a sample that the kubelet took twenty seconds or more after the first one.
pub(crate) fn steady_working_set(pod: &str) -> f64 {
    let sample = || {
        let text = kubectl(&["get", "--raw", "/api/v1/nodes/node/proxy/metrics/resource"]);
        let line = text.lines().find(|line| line.starts_with("pod_memory_working_set_bytes") && line.contains(pod))?;
        let mut words = line.rsplit(' ');
        let at: f64 = words.next()?.parse().ok()?;
        Some((at, words.next()?.parse::<f64>().ok()?))
    };
    let (first, _) = eventually("a sample", sample);
    eventually("a later sample", || sample().filter(|(at, _)| *at >= first + 20_000.0)).1
}
