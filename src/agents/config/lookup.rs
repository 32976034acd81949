//! Finding a configuration by what a person calls it.
use crate::model::configuration::ConfigurationId;

/// Least likeness, of 1, that is worth a "did you mean".
const LIKENESS: f32 = 0.6;

/// Why a name does not lead to a configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LookupError {
    /// None has the name.
    #[error("no configuration is named {name}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// What to do about it.
        hint: String,
    },
    /// Several have the name.
    #[error("{name} is in several namespaces")]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// What to do about it.
        hint: String,
    },
}

impl LookupError {
    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Unknown { hint, .. } | Self::Ambiguous { hint, .. } => hint,
        }
    }
}

/// Finds the one configuration that is called `name`, or `namespace/name`.
///
/// # Errors
/// When there is none, with the nearest names as a hint, or more than one.
pub fn lookup<'a>(
    ids: impl IntoIterator<Item = &'a ConfigurationId>,
    name: &str,
) -> Result<&'a ConfigurationId, LookupError> {
    let all: Vec<&ConfigurationId> = ids.into_iter().collect();
    let is_it = |id: &&&ConfigurationId| id.name == name || id.to_string() == name;
    let found: Vec<&ConfigurationId> = all.iter().filter(is_it).copied().collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(LookupError::Unknown { name: name.to_owned(), hint: nearest(&all, name) }),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(LookupError::Ambiguous { name: name.to_owned(), hint: format!("give one of {}", names.join(", ")) })
        }
    }
}

fn nearest(all: &[&ConfigurationId], name: &str) -> String {
    let is_full = name.contains('/');
    let names: Vec<String> = all.iter().map(|id| if is_full { id.to_string() } else { id.name.clone() }).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = similar::get_close_matches(name, &names, 3, LIKENESS);
    match (near.as_slice(), names.len()) {
        (_, 0) => "there are no configurations".to_owned(),
        ([], 1..=10) => format!("there are: {}", names.join(", ")),
        ([], count) => format!("there are {count}; `arcwright status` lists them"),
        (near, _) => format!("did you mean {}?", near.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(all: &[(&str, &str)]) -> Vec<ConfigurationId> {
        let id = |(namespace, name): &(&str, &str)| ConfigurationId {
            namespace: (*namespace).to_owned(),
            name: (*name).to_owned(),
        };
        all.iter().map(id).collect()
    }

    #[test]
    fn a_configuration_is_found_by_either_name() {
        let ids = ids(&[("a", "shop"), ("b", "shop"), ("b", "web")]);
        assert_eq!(lookup(&ids, "web"), Ok(&ids[2]));
        assert_eq!(lookup(&ids, "b/shop"), Ok(&ids[1]));
        let hint = |name| lookup(&ids, name).expect_err("an error").hint().to_owned();
        assert_eq!(hint("shop"), "give one of a/shop, b/shop");
        assert_eq!(hint("wep"), "did you mean web?");
        assert_eq!(hint("b/shp"), "did you mean b/shop or a/shop?");
        assert_eq!(hint("zzz"), "there are: shop, shop, web");
        assert_eq!(lookup(&[], "x").expect_err("an error").hint(), "there are no configurations");
    }
}
