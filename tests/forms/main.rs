//! touka serves one stream in several forms. Each promise is written once here, and tested in each form:
//! `close_reasons::parked::a_lifetime` is a promise and its form.

#[macro_use]
mod each;

mod app;
mod back_pressure;
mod blocked;
mod close_reasons;
mod disconnect;
mod drain;
mod faults;
#[path = "../figures.rs"]
mod figures;
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
