//! Which commit is wanted.
use super::super::Problem;
use crate::{api, model::configuration::Reference, source::git::Range};

/// Longest name of a branch or tag, in bytes.
const MAX_NAME: usize = 255;

/// Checks the reference of a Git repository; without one it is branch `master`.
pub(super) fn reference(field: &str, stated: Option<&api::RepositoryRef>, problems: &mut Vec<Problem>) -> Reference {
    let stated = stated.cloned().unwrap_or_default();
    let reference = Reference { branch: stated.branch, tag: stated.tag, semver: stated.semver, commit: stated.commit };
    for (name, value) in [("branch", &reference.branch), ("tag", &reference.tag)] {
        if let Some(value) = value {
            ref_name(&format!("{field}.{name}"), value, problems);
        }
    }
    if let Some(commit) = &reference.commit {
        check_commit(field, commit, reference.branch.is_some(), problems);
    }
    if let Some(range) = &reference.semver
        && let Err(why) = Range::parse(range)
    {
        problems.push(
            Problem::new(format!("{field}.semver"), why).hint("give a range such as \">=1.2.0 <2.0.0\" or \"1.x\""),
        );
    }
    precedence(field, &reference, problems);
    if reference == Reference::default() {
        Reference { branch: Some("master".to_owned()), ..reference }
    } else {
        reference
    }
}

fn check_commit(field: &str, commit: &str, has_branch: bool, problems: &mut Vec<Problem>) {
    if commit.len() != 40 || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
        problems.push(
            Problem::new(format!("{field}.commit"), "must be 40 hexadecimal digits")
                .hint("`git rev-parse NAME` prints them"),
        );
    }
    if !has_branch {
        problems.push(
            Problem::new(format!("{field}.commit"), "must come with the branch that it is on").hint("add branch"),
        );
    }
}

/// Says which of several fields decides, where that may not be what was meant.
fn precedence(field: &str, reference: &Reference, problems: &mut Vec<Problem>) {
    let given = [
        ("commit", reference.commit.is_some()),
        ("semver", reference.semver.is_some()),
        ("tag", reference.tag.is_some()),
        ("branch", reference.branch.is_some()),
    ];
    let mut given = given.into_iter().filter_map(|(name, is_given)| is_given.then_some(name));
    let Some(first) = given.next() else { return };
    for other in given.filter(|other| !(first == "commit" && *other == "branch")) {
        problems.push(
            Problem::new(format!("{field}.{other}"), format!("is not used, since {first} decides"))
                .hint("keep one of them")
                .warning(),
        );
    }
}

/// A name of a branch or a tag, without `refs/heads/` or `refs/tags/`.
///
/// Source: git-check-ref-format(1).
pub(super) fn ref_name(field: &str, name: &str, problems: &mut Vec<Problem>) {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_good = name.len() <= MAX_NAME
        && name.split('/').all(is_part)
        && name != "@"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains([' ', '~', '^', ':', '?', '*', '[', '\\', '\x7f'])
        && !name.contains(char::is_control);
    if !is_good {
        let shown: String = name.chars().take(80).collect();
        problems.push(Problem::new(field, format!("{shown:?} cannot be the name of a branch or tag")));
    } else if name.starts_with("refs/") {
        let hint = "write main for refs/heads/main";
        problems.push(Problem::new(field, "is a name without refs/heads/ and refs/tags/").hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_git() {
        for (name, is_good) in [
            ("main", true),
            ("feature/a-b_c.d", true),
            ("v1.2.3", true),
            ("@a", true),
            ("", false),
            ("@", false),
            ("-oProxyCommand=x", false),
            ("a..b", false),
            ("a//b", false),
            ("/a", false),
            ("a/", false),
            (".a", false),
            ("a/.b", false),
            ("a.lock", false),
            ("a.lock/b", false),
            ("a.", false),
            ("a b", false),
            ("a~1", false),
            ("a^", false),
            ("a:b", false),
            ("a*", false),
            ("a[b", false),
            ("a\\b", false),
            ("a@{1}", false),
            ("a\nb", false),
            ("refs/heads/main", false),
            ("a".repeat(256).as_str(), false),
        ] {
            let mut problems = Vec::new();
            ref_name("f", name, &mut problems);
            assert_eq!(problems.is_empty(), is_good, "{name:?}: {problems:?}");
        }
    }
}
