//! The watch, on real files and real notices.
use super::*;
use std::time::Duration;

/// So long that a test which would need it fails.
const NEVER: Duration = Duration::from_secs(3600);
const DEADLINE: Duration = Duration::from_secs(30);

/// Follows paths, and waits for states.
struct Watched {
    state: watch::Receiver<Arc<DesiredState>>,
    cancel: CancellationToken,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Watched {
    async fn with(paths: &[PathBuf], timing: Timing) -> Self {
        let cancel = CancellationToken::new();
        Self { state: follow(paths.to_vec(), Arc::new(Few), cancel.clone(), timing).await, cancel }
    }

    async fn by_notices(paths: &[PathBuf]) -> Self {
        Self::with(paths, Timing { poll: NEVER, ..Timing::default() }).await
    }

    async fn expect(&mut self, what: &str, is_so: impl Fn(&DesiredState) -> bool) {
        let wait = self.state.wait_for(|state| is_so(state));
        let found = tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{what} was not seen"));
        drop(found.expect("the watch goes on"));
    }

    async fn expect_names(&mut self, what: &str, wanted: &[&str]) {
        self.expect(what, |state| names(state) == wanted).await;
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
}

#[tokio::test]
async fn an_edit_and_a_rename_over_the_file_are_seen() {
    let directory = directory(&[("state.yaml", &flux("one"))]);
    let path = directory.path().join("state.yaml");
    let mut watched = Watched::by_notices(std::slice::from_ref(&path)).await;
    watched.expect_names("the first state", &["one"]).await;
    write(&path, &flux("two"));
    watched.expect_names("an edit", &["two"]).await;
    let new = directory.path().join(".state.yaml.swp");
    write(&new, &flux("three"));
    std::fs::rename(&new, &path).expect("renamed");
    watched.expect_names("a rename over the file", &["three"]).await;
}

#[tokio::test]
async fn a_swapped_configmap_is_seen() {
    let directory = tempfile::tempdir().expect("a directory");
    // As the kubelet mounts one: files are links through ..data, which is swapped.
    let publish = |version: &str, name: &str| {
        let data = directory.path().join(version);
        std::fs::create_dir(&data).expect("a directory");
        write(&data.join("state.yaml"), &flux(name));
        let link = directory.path().join("..data_tmp");
        std::os::unix::fs::symlink(version, &link).expect("a link");
        std::fs::rename(&link, directory.path().join("..data")).expect("renamed");
    };
    publish("..1", "one");
    let file = directory.path().join("state.yaml");
    std::os::unix::fs::symlink("..data/state.yaml", &file).expect("a link");
    let mut by_directory = Watched::by_notices(&[directory.path().to_owned()]).await;
    let mut by_file = Watched::by_notices(&[file]).await;
    for (version, name) in [("..2", "two"), ("..3", "three")] {
        publish(version, name);
        by_directory.expect_names("a swap, by its directory", &[name]).await;
        by_file.expect_names("a swap, by its file", &[name]).await;
    }
}

#[tokio::test]
async fn a_broken_edit_keeps_the_last_good_state_and_a_good_one_recovers() {
    let directory = directory(&[("state.yaml", &flux("one"))]);
    let path = directory.path().join("state.yaml");
    let mut watched = Watched::by_notices(std::slice::from_ref(&path)).await;
    write(&path, "{broken");
    watched.expect("the broken edit", |state| !state.issues.is_empty()).await;
    assert_eq!(names(&watched.state.borrow()), ["one"]);
    write(&path, &format!("{}---\n{}", flux("one"), flux("two")));
    watched.expect("the good edit", |state| state.issues.is_empty() && names(state) == ["one", "two"]).await;
}

#[tokio::test]
async fn files_that_come_and_go_take_only_their_own_configurations() {
    let directory = directory(&[("a.yaml", &flux("one")), ("b.yaml", &flux("two"))]);
    let mut watched = Watched::by_notices(&[directory.path().to_owned()]).await;
    write(&directory.path().join("c.yaml"), &flux("three"));
    watched.expect_names("a new file", &["one", "three", "two"]).await;
    std::fs::remove_file(directory.path().join("b.yaml")).expect("removed");
    watched.expect_names("a removed file", &["one", "three"]).await;
}

#[tokio::test]
async fn a_directory_that_is_deleted_and_made_again_is_followed() {
    let top = tempfile::tempdir().expect("a directory");
    let path = top.path().join("state.d");
    let fill = |name: &str| {
        std::fs::create_dir(&path).expect("a directory");
        write(&path.join("a.yaml"), &flux(name));
    };
    fill("one");
    let mut watched = Watched::by_notices(std::slice::from_ref(&path)).await;
    std::fs::remove_dir_all(&path).expect("removed");
    watched.expect("the loss", |state| state.issues.iter().any(Issue::is_error)).await;
    assert_eq!(names(&watched.state.borrow()), ["one"], "not a word to delete anything");
    fill("two");
    watched.expect_names("the new directory", &["two"]).await;
    write(&path.join("b.yaml"), &flux("three"));
    watched.expect_names("an edit in it", &["three", "two"]).await;
}

#[tokio::test]
async fn a_directory_by_a_link_that_is_moved_is_followed() {
    let top = tempfile::tempdir().expect("a directory");
    for (release, name) in [("1", "one"), ("2", "two")] {
        std::fs::create_dir(top.path().join(release)).expect("a directory");
        write(&top.path().join(release).join("a.yaml"), &flux(name));
    }
    let link = top.path().join("current");
    std::os::unix::fs::symlink("1", &link).expect("a link");
    let mut watched = Watched::by_notices(std::slice::from_ref(&link)).await;
    watched.expect_names("the first release", &["one"]).await;
    std::os::unix::fs::symlink("2", top.path().join("next")).expect("a link");
    std::fs::rename(top.path().join("next"), &link).expect("renamed");
    watched.expect_names("the second release", &["two"]).await;
    write(&top.path().join("2/b.yaml"), &flux("three"));
    watched.expect_names("an edit in it", &["three", "two"]).await;
}

#[tokio::test]
async fn what_gives_no_notice_is_found_by_looking() {
    let directory = directory(&[("state.yaml", &flux("one"))]);
    let path = directory.path().join("state.yaml");
    let timing = Timing { poll: Duration::from_millis(5), notices: false, ..Timing::default() };
    let mut watched = Watched::with(std::slice::from_ref(&path), timing).await;
    write(&path, &flux("two"));
    watched.expect_names("an edit", &["two"]).await;
}

#[tokio::test]
async fn a_new_secret_in_a_file_elsewhere_is_a_new_configuration() {
    let elsewhere = directory(&[("token", "first\n")]);
    let token = elsewhere.path().join("token");
    let text = flux("one") + "    httpsUser: me\n  protectedSettingsFrom:\n    httpsKey: {file: TOKEN}\n";
    let directory = directory(&[("state.yaml", &text.replace("TOKEN", &token.display().to_string()))]);
    let timing = Timing { poll: Duration::from_millis(5), notices: false, ..Timing::default() };
    let mut watched = Watched::with(&[directory.path().to_owned()], timing).await;
    let before = watched.state.borrow().configurations[0].digest.clone();
    write(&token, "second\n");
    watched.expect("the new secret", |state| state.configurations[0].digest != before).await;
}

#[tokio::test]
async fn every_part_of_a_document_is_in_its_digest() {
    let digest = |text: &str| loaded(text.as_bytes()).configurations[0].digest.clone();
    let base = flux("one");
    let all = [
        base.clone(),
        base.clone() + "  suspend: true\n",
        base.clone() + "  scope: namespace\n",
        base.clone() + "  drift: report\n",
        base.clone() + "    syncIntervalInSeconds: 5\n",
        base.clone() + "  kustomizations: {app: {prune: true}}\n",
        base.clone() + "  kustomizations: {app: {postBuild: {substitute: {a: b}}}}\n",
        base.replace("name: one", "name: one\n  annotations: {a: b}"),
        base.replace("org/one", "org/two"),
    ];
    let digests: std::collections::BTreeSet<String> = all.iter().map(|text| digest(text)).collect();
    assert_eq!(digests.len(), all.len());
    assert_eq!(digest(&(base.clone() + "status: {complianceState: Compliant}\n")), digest(&base), "but not its status");
}

#[tokio::test]
async fn a_cancelled_watch_ends() {
    let directory = directory(&[("state.yaml", &flux("one"))]);
    let mut watched = Watched::by_notices(&[directory.path().to_owned()]).await;
    watched.cancel.cancel();
    let ended = tokio::time::timeout(DEADLINE, async { while watched.state.changed().await.is_ok() {} }).await;
    assert!(ended.is_ok(), "the sender is gone");
}
