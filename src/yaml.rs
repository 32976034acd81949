//! The one reader of YAML: everything that Kubernetes' own reader accepts, within bounds.
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Spanned};
use std::{collections::BTreeMap, fmt};

/// Largest YAML text that is read, in bytes. The alias budget bounds expansion; this bounds the text.
pub const MAX_TEXT_BYTES: usize = 32 << 20;

/// Why a text was not read as YAML.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is larger than [`MAX_TEXT_BYTES`].
    #[error("{size} bytes of YAML are more than the {MAX_TEXT_BYTES} that are read")]
    TooLarge {
        /// Size of the text in bytes.
        size: usize,
    },
    /// The text is not YAML, repeats a key, or exceeds the budget of depth, documents or aliases.
    #[error("{message}")]
    Syntax {
        /// What the parser said, without any of the text.
        message: String,
        /// 1-based line and column, where known.
        location: Option<(u64, u64)>,
    },
}

/// Reads every document of `text`, in order, keys in their order. Empty documents are left out.
///
/// # Errors
/// When the text is not YAML, repeats a key, or exceeds the budget (32 MiB, depth 256, 10 000
/// documents, serde-saphyr's alias budget). The error never holds a piece of the text.
pub fn read(text: &str) -> Result<Vec<Value>, Error> {
    parse(text)
}

/// Reads every document of `text` as kustomize reads manifests: as [`read`], but only `true` and
/// `false` are booleans, so that `yes`, `on` and their like stay text.
///
/// # Errors
/// As [`read`].
pub fn read_manifests(text: &str) -> Result<Vec<Value>, Error> {
    parse_with(text, Dialect::Manifest)
}

/// Reads every document of `text` as kustomize reads its own file: as [`read`], but of a repeated key the last counts.
///
/// # Errors
/// As [`read`].
pub fn read_kustomization(text: &str) -> Result<Vec<Value>, Error> {
    parse_with(text, Dialect::Kustomization)
}

/// Whose reader is followed where readers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Kubernetes,
    Manifest,
    Kustomization,
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Error> {
    parse_with(text, Dialect::Kubernetes)
}

fn parse_with<T: DeserializeOwned>(text: &str, dialect: Dialect) -> Result<Vec<T>, Error> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::TooLarge { size: text.len() });
    }
    let duplicate_keys =
        if dialect == Dialect::Kustomization { DuplicateKeyPolicy::LastWins } else { DuplicateKeyPolicy::Error };
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        strict_booleans: dialect == Dialect::Manifest,
        duplicate_keys: duplicate_keys,
        emit_comments: false,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: 256, max_documents: 10_000, max_nodes: 4_000_000, max_events: 12_000_000 },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| Error::Syntax {
        location: error.location().map(|at| (at.line(), at.column())),
        message: error.to_string(),
    })
}

/// The 1-based line and column of every value of a document, by its path: `spec.kustomizations.app`, `a[0].b`.
pub type Positions = BTreeMap<String, (u64, u64)>;

/// Where the values of each document of `text` begin; empty documents are left out.
///
/// # Errors
/// As [`read`].
pub fn positions(text: &str) -> Result<Vec<Positions>, Error> {
    let documents: Vec<Spanned<Place>> = parse(text)?;
    Ok(documents
        .iter()
        .map(|document| {
            let mut found = Positions::new();
            collect(document, String::new(), &mut found);
            found
        })
        .collect())
}

fn collect(place: &Spanned<Place>, path: String, found: &mut Positions) {
    match &place.value {
        Place::Map(entries) => {
            for (key, value) in entries {
                let at = if path.is_empty() { key.value.clone() } else { format!("{path}.{}", key.value) };
                found.insert(at.clone(), (key.referenced.line(), key.referenced.column()));
                collect_inner(value, at, found);
            }
        }
        Place::List(_) | Place::Leaf => collect_inner(place, path.clone(), found),
    }
    found.entry(path).or_insert((place.referenced.line(), place.referenced.column()));
}

fn collect_inner(place: &Spanned<Place>, path: String, found: &mut Positions) {
    match &place.value {
        Place::Map(_) => collect(place, path, found),
        Place::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, format!("{path}[{index}]"), found));
        }
        Place::Leaf => {}
    }
}

/// The shape of a value, without its content.
enum Place {
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
    List(Vec<Spanned<Self>>),
    Leaf,
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlaceVisitor)
    }
}

struct PlaceVisitor;

impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Place, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Place::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Place, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element()? {
            found.push(item);
        }
        Ok(Place::List(found))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Place, E> {
        Ok(Place::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Place, E> {
        Ok(Place::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Place, E> {
        Ok(Place::Leaf)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Place, E> {
        Ok(Place::Leaf)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Place, E> {
        Ok(Place::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Place, E> {
        Ok(Place::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Place, E> {
        Ok(Place::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Place, E> {
        Ok(Place::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kubectl_reads() {
        let docs = read("a: 0644\n---\n# nothing\n---\nb: yes\nc: &x [1]\nd: *x\n").expect("YAML");
        assert_eq!(docs, vec![serde_json::json!({"a": 420}), serde_json::json!({"b": true, "c": [1], "d": [1]})]);
    }

    #[test]
    fn refuses_a_repeated_key_and_says_where() {
        let Err(Error::Syntax { location: Some((2, 1)), .. }) = read("a: 1\na: 2\n") else { panic!("no location") };
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..12 {
            let p = i - 1;
            text.push_str(&format!("a{i}: &a{i} [*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p}]\n"));
        }
        assert!(read(&text).is_err());
    }

    #[test]
    fn says_where_each_value_is() {
        let at = positions("# c\na:\n  b: [x, {c: 1}]\n---\n- k: v\n").expect("YAML");
        assert_eq!(at[0]["a.b"], (3, 3));
        assert_eq!(at[0]["a.b[1].c"], (3, 11));
        assert_eq!(at[1]["[0].k"], (5, 3));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
