//! Reads state files into documents; decides nothing about them.
use super::super::{
    Issue, SecretSource, Severity,
    parse::{self, Parsed},
    secrets::Reader,
    stamp::Stamp,
};
use crate::{model::Door, yaml};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Most files that are read from one directory.
const MAX_FILES: usize = 10_000;

/// Where a document stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The path that was asked for: the file, or its directory.
    pub(super) root: PathBuf,
    /// The file.
    pub(super) file: PathBuf,
    /// 1-based line.
    pub(super) line: u64,
}

/// A document with its place.
pub(super) struct Document {
    pub(super) origin: Origin,
    pub(super) parsed: Parsed,
    /// Its issues, placed.
    pub(super) issues: Vec<Issue>,
    /// The place of its name, for an issue that only all documents together show.
    pub(super) name: Issue,
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Found {
    /// The door that the files are.
    pub(super) door: Door,
    pub(super) documents: Vec<Document>,
    /// Issues of files and directories as a whole.
    pub(super) issues: Vec<Issue>,
    /// Files of which it cannot be said what they state.
    pub(super) broken_files: BTreeSet<PathBuf>,
    /// Paths that were asked for and of which it cannot be said what is in them.
    pub(super) broken_roots: BTreeSet<PathBuf>,
    /// What was looked at, as it was before it was read.
    pub(super) stamps: BTreeMap<PathBuf, Option<Stamp>>,
}

/// Reads files, and directories of files.
pub(super) fn read(paths: &[PathBuf], door: &Door, secrets: &dyn SecretSource) -> Found {
    let mut found = Found { door: door.clone(), ..Found::default() };
    let mut seen = BTreeSet::new();
    for root in paths {
        found.stamps.insert(root.clone(), Stamp::of(root));
        match files(root) {
            Ok(files) if files.is_empty() => found.broken_root(Issue {
                hint: Some(
                    "what it stated before is kept; to have nothing, put a file with a comment there".to_owned(),
                ),
                ..whole(root, "holds no state file (*.yaml, *.yml, *.json)")
            }),
            Ok(files) => {
                for file in files {
                    // One file by two paths is one file.
                    if seen.insert(std::fs::canonicalize(&file).unwrap_or_else(|_| file.clone())) {
                        found.read_file(root, &file, secrets);
                    }
                }
            }
            Err(error) => found.broken_root(Issue {
                hint: Some("what it stated before is kept; check --state".to_owned()),
                ..whole(root, format!("cannot be read: {error}"))
            }),
        }
    }
    found
}

/// An issue of a file or directory as a whole.
fn whole(file: &Path, message: impl Into<String>) -> Issue {
    Issue {
        file: file.to_owned(),
        line: 0,
        column: 0,
        document: None,
        field: String::new(),
        object: None,
        message: message.into(),
        hint: None,
        severity: Severity::Error,
    }
}

/// The state files that a path stands for, sorted; hidden ones are left out, as `..data` of a mounted ConfigMap.
fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let is_hidden = file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let is_state =
            file.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if is_state && !is_hidden && !file.is_dir() {
            found.push(file);
        }
        if found.len() > MAX_FILES {
            return Err(std::io::Error::other(format!("more than {MAX_FILES} state files")));
        }
    }
    found.sort();
    Ok(found)
}

impl Found {
    fn broken_root(&mut self, issue: Issue) {
        self.broken_roots.insert(issue.file.clone());
        self.issues.push(issue);
    }

    fn broken_file(&mut self, issue: Issue) {
        self.broken_files.insert(issue.file.clone());
        self.issues.push(issue);
    }

    fn read_file(&mut self, root: &Path, file: &Path, secrets: &dyn SecretSource) {
        self.stamps.insert(file.to_owned(), Stamp::of(file));
        let (text, is_world_readable) = match content(file) {
            Ok(both) => both,
            Err(issue) => return self.broken_file(*issue),
        };
        let both = yaml::read(&text).and_then(|documents| Ok((documents, yaml::positions(&text)?)));
        let (documents, positions) = match both {
            Ok(both) => both,
            Err(error) => return self.broken_file(not_yaml(file, &error)),
        };
        if documents.is_empty() {
            self.issues.push(Issue { severity: Severity::Warning, ..whole(file, "states no configuration") });
        }
        let directory = file.parent().unwrap_or(Path::new(""));
        let reader = Reader::new(secrets, directory, self.door.clone());
        let mut holds_secrets = false;
        for (number, document) in documents.iter().enumerate() {
            let parsed = parse::document(document, &reader);
            holds_secrets |= parsed.holds_secrets;
            let nowhere = yaml::Positions::new();
            let document = placed(root, file, number, positions.get(number).unwrap_or(&nowhere), parsed);
            if document.parsed.id.is_none() {
                self.broken_files.insert(file.to_owned());
            }
            self.documents.push(document);
        }
        self.stamps.extend(reader.files());
        if holds_secrets && is_world_readable {
            self.issues.push(Issue {
                severity: Severity::Warning,
                hint: Some("`chmod 600` it, or give the secrets in protectedSettingsFrom".to_owned()),
                ..whole(file, "holds secrets, and every user of this machine can read it")
            });
        }
    }
}

/// The text of a file without its byte order mark, and whether everyone can read it.
fn content(file: &Path) -> Result<(String, bool), Box<Issue>> {
    let broken =
        |message: String, hint: Option<&str>| Box::new(Issue { hint: hint.map(str::to_owned), ..whole(file, message) });
    let unreadable = |error: std::io::Error| broken(format!("cannot be read: {error}"), None);
    let meta = std::fs::metadata(file).map_err(unreadable)?;
    // Opening a pipe would wait for its writer.
    if !meta.is_file() {
        return Err(broken("is not a regular file".to_owned(), None));
    }
    let mut bytes = Vec::new();
    let most = yaml::MAX_TEXT_BYTES as u64;
    std::fs::File::open(file).and_then(|opened| opened.take(most + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        let hint = "a state file holds configurations; manifests belong into the repository";
        return Err(broken(format!("is larger than the {} MiB that are read", most >> 20), Some(hint)));
    }
    let text =
        String::from_utf8(bytes).map_err(|error| not_utf8(file, error.as_bytes(), error.utf8_error().valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    if text.trim().is_empty() {
        // An editor that truncates before it writes must not take everything away in between.
        let hint = "what it stated before is kept; to have nothing, write a comment";
        return Err(broken("is empty".to_owned(), Some(hint)));
    }
    if let Some(at) = text.find('\0') {
        let (line, column) = place_of(&text.as_bytes()[..at]);
        let message = "holds a NUL character".to_owned();
        return Err(Box::new(Issue { line, column, ..*broken(message, Some("save it as a UTF-8 text")) }));
    }
    Ok((text, meta.permissions().mode() & 0o004 != 0))
}

fn not_utf8(file: &Path, bytes: &[u8], good: usize) -> Box<Issue> {
    let (line, column) = place_of(&bytes[..good]);
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let message = if is_utf16 { "is UTF-16, and must be UTF-8" } else { "is not UTF-8" };
    Box::new(Issue { line, column, hint: Some("save it as a UTF-8 text".to_owned()), ..whole(file, message) })
}

/// 1-based line and column of what follows `before`.
fn place_of(before: &[u8]) -> (u64, u64) {
    let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    (line, String::from_utf8_lossy(last).chars().count() as u64 + 1)
}

fn not_yaml(file: &Path, error: &yaml::Error) -> Issue {
    let (line, column) = if let yaml::Error::Syntax { location: Some(at), .. } = error { *at } else { (0, 0) };
    let hint = "what it stated before is kept until it is mended";
    Issue { line, column, hint: Some(hint.to_owned()), ..whole(file, in_plain_words(&error.to_string())) }
}

/// What the parser says, without its own settings and without the place, which stands before it.
fn in_plain_words(message: &str) -> String {
    let what = message.split(" at line ").next().unwrap_or_default();
    if let Some(rest) = what.strip_prefix("duplicate mapping key: ") {
        let key = rest.rsplit_once(", set ").map_or(rest, |(key, _)| key);
        format!("the key {key} is there twice")
    } else if what.starts_with("budget breached: Documents") {
        "holds more documents than are read".to_owned()
    } else if what.starts_with("budget breached") {
        "is larger than what is read, with its aliases expanded".to_owned()
    } else if what.starts_with("recursion limit exceeded") {
        "is nested deeper than what is read".to_owned()
    } else if what.starts_with("tabs disallowed") {
        "is indented with a tab; YAML takes spaces".to_owned()
    } else {
        format!("is not YAML: {what}")
    }
}

fn placed(root: &Path, file: &Path, number: usize, known: &yaml::Positions, parsed: Parsed) -> Document {
    let at = |field: &str| {
        let (line, column) = nearest(known, field);
        Issue {
            line,
            column,
            document: Some(number),
            field: field.to_owned(),
            object: parsed.id.clone(),
            ..whole(file, "")
        }
    };
    let issues = parsed.problems.iter().map(|problem| Issue {
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        severity: problem.severity,
        ..at(&problem.field)
    });
    let issues = issues.collect();
    let name = at("metadata.name");
    let origin = Origin { root: root.to_owned(), file: file.to_owned(), line: name.line };
    Document { origin, issues, name, parsed }
}

/// The place of a field, or of the nearest one above it that is there.
fn nearest(known: &yaml::Positions, field: &str) -> (u64, u64) {
    let mut at = field;
    loop {
        if let Some(place) = known.get(at) {
            return *place;
        }
        match at.rfind(['.', '[']) {
            Some(cut) => at = &at[..cut],
            None => return known.get("").copied().unwrap_or((0, 0)),
        }
    }
}
