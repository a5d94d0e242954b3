//! Sets the cfg that puts the library's lock under the scheduler.

/// The library's features, of which this package has none.
const FEATURES: [&str; 10] =
    ["axum", "disk", "http2", "macros", "metrics", "nats", "openapi", "redis", "testing", "tls"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cfg=touka_shuttle");
    for feature in FEATURES {
        println!("cargo:rustc-check-cfg=cfg(feature, values({feature:?}))");
    }
}
