//! Compiles every case, runs the cases that should pass, and compares the errors of the others with the
//! `.stderr` file beside each. README.md describes how to update them.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("cases/pass/*.rs");
    cases.compile_fail("cases/fail/*/*.rs");
}
