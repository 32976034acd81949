//! Names of objects, entries, variables and directories.
use super::super::Problem;

/// A DNS-1123 subdomain of at most `most` characters.
pub(super) fn subdomain(field: &str, name: &str, most: usize, problems: &mut Vec<Problem>) {
    if name.len() > most || !name.split('.').all(is_label) {
        problems.push(Problem::new(field, format!("{name:?} must be 1 to {most} lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends")));
    }
}

/// A name of the Flux v1 generation: no periods, at most 23 characters.
pub(super) fn label(field: &str, name: &str, problems: &mut Vec<Problem>) {
    if !is_short_label(name) {
        problems.push(Problem::new(
            field,
            format!("{name:?} must be 1 to 23 lower-case letters, digits and '-', with a letter or digit at both ends"),
        ));
    }
}

/// Whether a text can name something of the Flux v1 generation.
pub(super) fn is_short_label(name: &str) -> bool {
    name.len() <= 23 && is_label(name)
}

/// Whether Kubernetes can have a namespace of this name, which is less than the resource allows.
pub(super) fn is_namespace(name: &str) -> bool {
    name.len() <= 63 && is_label(name)
}

fn is_label(name: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(is_edge) && name.ends_with(is_edge) && name.chars().all(|c| is_edge(c) || c == '-')
}

/// A key of a Secret or ConfigMap.
pub(super) fn entry_key(field: &str, key: &str, problems: &mut Vec<Problem>) {
    let is_key = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    if key.is_empty() || key.len() > 253 || !key.chars().all(is_key) || key == "." || key == ".." {
        problems.push(Problem::new(
            field,
            format!("{key:?} is no key of a Secret: 1 to 253 letters, digits, '-', '_' and '.'"),
        ));
    }
}

/// Whether a text can stand in `${...}`.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

/// A directory inside a repository.
pub(super) fn directory(field: &str, path: &str, problems: &mut Vec<Problem>) {
    if path.split('/').any(|part| part == "..") || path.starts_with('-') || path.contains('\\') {
        problems.push(Problem::new(
            field,
            format!(
                "{path:?} must stay inside the repository, with / between directories and no dash at its beginning"
            ),
        ));
    } else if path.contains(char::is_control) || path.len() > 4096 {
        problems.push(Problem::new(field, "is no path of a repository"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(check: impl Fn(&str, &mut Vec<Problem>), name: &str) -> bool {
        let mut problems = Vec::new();
        check(name, &mut problems);
        !problems.is_empty()
    }

    #[test]
    fn names_have_the_lengths_and_letters_of_the_resource() {
        let long = |length| "a".repeat(length);
        for (name, is_subdomain, is_v1) in [
            ("a", true, true),
            ("a-b", true, true),
            ("0a", true, true),
            ("a.b", true, false),
            (long(23).as_str(), true, true),
            (long(24).as_str(), true, false),
            (long(63).as_str(), true, false),
            (long(64).as_str(), false, false),
            ("", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a..b", false, false),
            ("a.-b", false, false),
            ("A", false, false),
            ("a_b", false, false),
            ("ä", false, false),
            ("a\n", false, false),
        ] {
            assert_eq!(!refused(|name, p| subdomain("f", name, 63, p), name), is_subdomain, "{name:?}");
            assert_eq!(!refused(|name, p| label("f", name, p), name), is_v1, "{name:?}");
        }
    }

    #[test]
    fn variables_are_named_as_in_a_shell() {
        for (name, is_good) in
            [("a", true), ("_a1", true), ("A_B", true), ("1a", false), ("", false), ("a-b", false), ("ä", false)]
        {
            assert_eq!(is_variable(name), is_good, "{name:?}");
        }
    }

    #[test]
    fn directories_stay_inside_the_repository() {
        for (path, is_good) in [
            ("", true),
            ("./a/b", true),
            ("/a", true),
            ("a..b", true),
            ("..", false),
            ("a/../b", false),
            ("-x", false),
            ("a\\..\\b", false),
            ("a\0b", false),
            ("a\nb", false),
        ] {
            assert_eq!(!refused(|path, p| directory("f", path, p), path), is_good, "{path:?}");
        }
    }
}
