//! Thousands of sockets in one process.

use rlimit::Resource;

/// Raises the soft limit of open descriptors to the hard one, also for processes started from here.
pub fn raise_descriptors() {
    let raised = Resource::NOFILE.get().and_then(|(_, hard)| Resource::NOFILE.set(hard, hard));
    if let Err(error) = raised {
        eprintln!("the limit of open descriptors stays as it is: {error}");
    }
}
