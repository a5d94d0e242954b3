//! The pace of a language model.

use std::error::Error;
use std::time::Duration;

/// The time for one token: the program's second argument, in milliseconds, or this default.
///
/// # Errors
/// The argument is not a number.
pub fn pace(default: Duration) -> Result<Duration, Box<dyn Error>> {
    let Some(pace) = std::env::args().nth(2) else { return Ok(default) };
    let millis = pace.parse().map_err(|error| format!("the pace `{pace}` is not a number of milliseconds: {error}"))?;
    Ok(Duration::from_millis(millis))
}
