//! What one look after another makes of files that changed.
use super::{
    super::{
        read::read,
        resolve::{Loaded, resolve},
    },
    *,
};

/// Looks at a directory again and again.
struct Door {
    directory: tempfile::TempDir,
    last: Loaded,
}

impl Door {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut door = Self { directory: directory(files), last: Loaded::default() };
        door.look();
        door
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn look_at(&mut self, paths: &[PathBuf]) -> Vec<String> {
        self.last = resolve(&self.last, read(paths, &door_of(paths), &Few));
        self.last.state.configurations.iter().map(|one| one.source.url.replace("https://example.org/", "")).collect()
    }

    fn look(&mut self) -> Vec<String> {
        self.look_at(&[self.directory.path().to_owned()])
    }

    fn write(&mut self, name: &str, text: &str) -> Vec<String> {
        std::fs::write(self.path(name), text).expect("a file");
        self.look()
    }

    fn errors(&self) -> Vec<String> {
        let errors = self.last.state.issues.iter().filter(|issue| issue.is_error());
        errors.map(|issue| issue.message.replace(&self.directory.path().display().to_string(), "DIR")).collect()
    }
}

fn one_and_two() -> String {
    format!("{}---\n{}", flux("one"), flux("two"))
}

#[test]
fn what_is_removed_goes() {
    let mut door = Door::new(&[("a.yaml", &one_and_two()), ("b.yaml", &flux("three"))]);
    assert_eq!(door.write("a.yaml", &flux("one")), ["one", "three"], "a document");
    std::fs::remove_file(door.path("b.yaml")).expect("removed");
    assert_eq!(door.look(), ["one"], "a file");
    assert_eq!(door.write("a.yaml", "# nothing\n"), Vec::<String>::new(), "the last document");
    assert_eq!(door.errors(), Vec::<String>::new());
}

#[test]
fn what_is_broken_keeps_its_last_good_form_until_it_is_mended() {
    let mut door = Door::new(&[("a.yaml", &one_and_two()), ("b.yaml", &flux("three"))]);
    let all = ["one", "three", "two"];
    for (what, text) in [
        ("no YAML", "{broken".to_owned()),
        ("truncated to nothing", String::new()),
        ("not UTF-8 in one place", one_and_two().replace("one", "\0")),
        ("a document of a wrong type", one_and_two().replace("url: https://example.org/two", "url: [two]")),
        ("a document that breaks a rule", flux("one") + "---\n" + &flux("two").replace("https", "ext")),
        ("a document that lost its name", flux("one") + "---\n" + &flux("two").replace("name: two", "nam: two")),
        ("a document that is mistyped in its name too", flux("one") + "---\n" + &flux("twoo").replace("url", "urk")),
        (
            "a document that became another kind",
            flux("one") + "---\n" + &flux("two").replace("FluxConfiguration", "List"),
        ),
    ] {
        assert_eq!(door.write("a.yaml", &text), all, "{what}");
        assert!(!door.errors().is_empty(), "{what}");
        assert_eq!(door.write("a.yaml", &text), all, "{what}, seen again");
    }
    assert_eq!(door.write("a.yaml", &flux("two")), ["three", "two"], "mended, and one removed");
    assert_eq!(door.errors(), Vec::<String>::new());
}

#[test]
fn a_good_document_beside_a_broken_one_is_followed() {
    let mut door = Door::new(&[("a.yaml", &one_and_two())]);
    let edited = flux("one").replace("org/one", "org/moved") + "---\n" + &flux("two").replace("url", "urk");
    assert_eq!(door.write("a.yaml", &edited), ["moved", "two"]);
}

#[test]
fn a_directory_that_vanishes_or_is_empty_takes_nothing_away() {
    let mut door = Door::new(&[("a.yaml", &flux("one"))]);
    std::fs::remove_file(door.path("a.yaml")).expect("removed");
    assert_eq!(door.look(), ["one"], "an empty directory");
    assert_eq!(door.errors(), ["holds no state file (*.yaml, *.yml, *.json)"]);
    std::fs::remove_dir(door.directory.path()).expect("removed");
    assert_eq!(door.look(), ["one"], "no directory");
    assert!(door.errors()[0].starts_with("cannot be read: "), "{:?}", door.errors());
    std::fs::create_dir(door.directory.path()).expect("a directory");
    assert_eq!(door.write("b.yaml", &flux("two")), ["two"], "made again, with other files");
    assert_eq!(door.errors(), Vec::<String>::new());
}

#[test]
fn a_file_that_was_named_and_is_gone_takes_nothing_away() {
    let mut door = Door::new(&[("a.yaml", &flux("one")), ("b.yaml", &flux("two"))]);
    let paths = [door.path("a.yaml"), door.path("b.yaml")];
    door.last = Loaded::default();
    assert_eq!(door.look_at(&paths), ["one", "two"]);
    std::fs::remove_file(&paths[0]).expect("removed");
    assert_eq!(door.look_at(&paths), ["one", "two"]);
    std::fs::write(&paths[1], "# nothing\n").expect("a file");
    assert_eq!(door.look_at(&paths), ["one"], "the other file is followed");
}

#[test]
fn a_file_that_cannot_be_opened_keeps_what_it_stated() {
    let mut door = Door::new(&[("a.yaml", &flux("one")), ("b.yaml", &flux("two"))]);
    // A link to nothing: unreadable for root too, who runs the tests in some places.
    std::fs::remove_file(door.path("a.yaml")).expect("removed");
    std::os::unix::fs::symlink("nowhere", door.path("a.yaml")).expect("a link");
    assert_eq!(door.look(), ["one", "two"]);
    std::fs::remove_file(door.path("a.yaml")).expect("removed");
    std::fs::create_dir(door.path("a.yaml")).expect("a directory");
    assert_eq!(door.look(), ["two"], "a directory of that name is no state file");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let mut door = Door::new(&[("a.yaml", &flux("one"))]);
    let made = std::process::Command::new("mkfifo").arg(door.path("b.yaml")).status().expect("mkfifo runs");
    assert!(made.success());
    assert_eq!(door.look(), ["one"]);
    assert_eq!(door.errors(), ["is not a regular file"]);
}

#[test]
fn a_name_belongs_to_the_file_that_stated_it_first() {
    let elsewhere = flux("one").replace("org/one", "org/other");
    let mut door = Door::new(&[("b.yaml", &flux("one"))]);
    assert_eq!(door.write("a.yaml", &elsewhere), ["one"], "not taken over by one that sorts before it");
    assert_eq!(door.errors(), ["default/one is stated in DIR/b.yaml:4 already"]);
    assert_eq!(door.write("b.yaml", "{broken"), ["one"], "nor while it is broken");
    std::fs::remove_file(door.path("b.yaml")).expect("removed");
    assert_eq!(door.look(), ["other"], "given over when it is gone");
    assert_eq!(door.errors(), Vec::<String>::new());
}

#[test]
fn of_two_new_documents_of_one_name_the_first_is_used() {
    let mut door = Door::new(&[("a.yaml", "# nothing\n")]);
    let twice = format!("{}---\n{}", flux("one"), flux("one").replace("org/one", "org/other"));
    assert_eq!(door.write("a.yaml", &twice), ["one"]);
    assert_eq!(door.errors(), ["default/one is stated in DIR/a.yaml:4 already"]);
    let kinds = format!("{}---\n{}", source_control("x"), flux("x").replace("org/x", "org/other"));
    assert_eq!(door.write("a.yaml", &kinds), ["x"], "whatever the kind");
}

#[test]
fn one_file_by_two_paths_is_read_once() {
    let door = Door::new(&[("a.yaml", &flux("one"))]);
    let paths = [door.path("a.yaml"), door.directory.path().to_owned(), door.path("./a.yaml")];
    let state = load(&paths, &Few);
    assert_eq!((names(&state), &state.issues), (vec!["one"], &Vec::new()));
}
