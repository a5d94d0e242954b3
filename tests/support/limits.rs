//! Room for many connections.

/// Lets this process, and those it starts from now on, have as many descriptors as the system allows:
/// the soft limit is often 1024.
///
/// # Panics
/// It allows fewer than these.
pub fn allow_descriptors(at_least: u64) {
    let allowed = rlimit::increase_nofile_limit(u64::MAX).expect("raise the limit of descriptors");
    assert!(allowed >= at_least, "this test needs {at_least} descriptors and may have {allowed}: see ulimit -Hn");
}
