//! The forms of output that commands share.
use super::{Failure, ui};
use serde::Serialize;

/// Form of the output: for people, or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// Aligned columns.
    #[value(alias = "text")]
    Table,
    /// More of them.
    Wide,
    /// For programs; stable.
    Json,
    /// The same as YAML.
    Yaml,
}

impl Form {
    /// Whether it is for programs.
    pub(super) fn is_machine(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }

    /// Prints a value for programs.
    pub(super) fn print<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        let json = serde_json::to_value(value).map_err(|error| Failure::of(&error))?;
        if self == Self::Yaml {
            ui::text(&crate::render::value_to_yaml(&json));
        } else {
            let text = serde_json::to_string_pretty(&json).map_err(|error| Failure::of(&error))?;
            ui::line(format_args!("{text}"));
        }
        Ok(())
    }
}
