//! The Helm chart, which the program carries.
use super::connection::Image;
use std::{fs, io, path::Path};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        /// Every file of the chart: its path, and its text.
        pub const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("../../chart/", $path)))),*];
    };
}

files![
    ".helmignore",
    "Chart.yaml",
    "values.yaml",
    "values.schema.json",
    "files/crds.yaml",
    "files/historical-crds.yaml",
    "files/rights/accounts-cluster.yaml",
    "files/rights/accounts-namespace.yaml",
    "files/rights/agent.yaml",
    "files/rights/custom-resources.yaml",
    "files/rights/flux-v1-cluster.yaml",
    "files/rights/flux-v1-namespace.yaml",
    "files/rights/flux-v2-install.yaml",
    "files/rights/flux-v2.yaml",
    "files/rights/historical-kinds.yaml",
    "files/rights/hub-namespace.yaml",
    "files/rights/hub.yaml",
    "files/rights/impersonate.yaml",
    "files/rights/keys.yaml",
    "files/rights/observe.yaml",
    "files/rights/secrets.yaml",
    "templates/NOTES.txt",
    "templates/_helpers.tpl",
    "templates/authorities.yaml",
    "templates/availability.yaml",
    "templates/cluster.yaml",
    "templates/crds.yaml",
    "templates/deployment.yaml",
    "templates/hub.yaml",
    "templates/networkpolicy.yaml",
    "templates/podmonitor.yaml",
    "templates/rbac.yaml",
    "templates/state.yaml",
];

/// The text of a file of the chart; empty where there is none.
pub fn text(path: &str) -> &'static str {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text).unwrap_or_default()
}

/// Writes the chart into a directory.
///
/// # Errors
/// When that fails.
pub fn write(directory: &Path) -> io::Result<()> {
    for (path, text) in FILES {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// The image that the chart names.
pub fn image() -> Image {
    Image { repository: "arcwright".to_owned(), tag: Some(env!("CARGO_PKG_VERSION").to_owned()), digest: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, path::PathBuf};

    fn walk(directory: &Path, root: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let name = path.strip_prefix(root).expect("below").to_owned();
                found.insert(name, fs::read_to_string(&path).expect("a text"));
            }
        }
    }

    #[test]
    fn the_chart_that_is_carried_along_is_the_one_in_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("chart");
        let mut committed = BTreeMap::new();
        walk(&root, &root, &mut committed);
        let directory = tempfile::tempdir().expect("a directory");
        write(directory.path()).expect("written");
        let mut carried = BTreeMap::new();
        walk(directory.path(), directory.path(), &mut carried);
        let names = |all: &BTreeMap<PathBuf, String>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&carried), names(&committed), "src/onboard/chart.rs lists the files of the chart");
        assert!(carried == committed);
    }
}
