//! Compiles every case, runs those that should compile, and compares the errors of the others with
//! the `.stderr` beside them. README.md says how to bless.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("cases/pass/*.rs");
    cases.compile_fail("cases/fail/*/*.rs");
}
