//! The `holdup` program.

fn main() -> std::process::ExitCode {
    holdup::cli::main()
}
