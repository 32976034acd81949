//! The `arcwright` command: crypto provider, parse, run, exit code.
use std::process::ExitCode;

fn main() -> ExitCode {
    arcwright::cli::main()
}
