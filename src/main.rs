//! The `arcwright` command: allocator, crypto provider, parse, run, exit code.
use std::process::ExitCode;

/// Gives freed memory back to the system, which the system's own allocator does not with many short-lived objects.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    arcwright::cli::main()
}
