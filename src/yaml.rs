//! The one reader of YAML: everything that Kubernetes' own reader accepts, within bounds.
use serde_json::Value;

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
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::TooLarge { size: text.len() });
    }
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: 256, max_documents: 10_000, max_nodes: 4_000_000, max_events: 12_000_000 },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| Error::Syntax {
        location: error.location().map(|at| (at.line(), at.column())),
        message: error.to_string(),
    })
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
    fn deep_nesting_is_refused() {
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
