//! touka serves one stream in several forms. Each promise is written once here, and holds in each of them:
//! `close_reasons::parked::a_lifetime` is that promise in that form.

#[macro_use]
mod each;

mod app;
mod back_pressure;
mod blocked;
mod close_reasons;
mod disconnect;
mod drain;
mod faults;
mod form;
mod http1;
mod http2;
mod keep_alive;
mod metrics;
mod reader;
mod run;
mod scene;
mod shutdown;
mod socket;
mod spans;
mod wire;
