//! Build time of a minimal app: touka against axum and Rocket, clean and after a change of one line, and the
//! number of crates of each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use measure::table;

struct App {
    name: &'static str,
    dependencies: String,
    main: &'static str,
}

fn apps(touka: &Path) -> [App; 3] {
    let tokio = r#"tokio = { version = "1", features = ["macros", "rt-multi-thread", "time"] }"#;
    [
        App {
            name: "touka",
            dependencies: format!("touka = {{ path = \"{}\" }}\n{tokio}", touka.display()),
            main: r#"
use touka::{Router, route, routes, sse_handler};

#[sse_handler]
#[route(GET, "/clock")]
async fn clock() {
    for tick in 0u64.. {
        emit!(format!("tick {tick}"));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

#[tokio::main]
async fn main() -> touka::Result<()> {
    Router::new().mount(routes![clock]).serve("127.0.0.1:3000").await
}
"#,
        },
        App {
            name: "axum",
            dependencies: format!("axum = \"0.8\"\nasync-stream = \"0.3\"\nfutures-core = \"0.3\"\n{tokio}"),
            main: r#"
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_core::Stream;
use std::convert::Infallible;

async fn clock() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stream = async_stream::stream! {
        for tick in 0u64.. {
            yield Ok(Event::default().data(format!("tick {tick}")));
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    Sse::new(stream).keep_alive(KeepAlive::default())
}

#[tokio::main]
async fn main() {
    let app = axum::Router::new().route("/clock", axum::routing::get(clock));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
"#,
        },
        App {
            name: "Rocket",
            dependencies: "rocket = \"0.5\"".to_owned(),
            main: r#"
use rocket::response::stream::{Event, EventStream};
use rocket::tokio::time::{Duration, sleep};

#[rocket::get("/clock")]
fn clock() -> EventStream![] {
    EventStream! {
        for tick in 0u64.. {
            yield Event::data(format!("tick {tick}"));
            sleep(Duration::from_secs(1)).await;
        }
    }
}

#[rocket::launch]
fn launch() -> _ {
    rocket::build().mount("/", rocket::routes![clock])
}
"#,
        },
    ]
}

fn main() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf();
    let place = env::temp_dir().join(format!("touka-build-time-{}", std::process::id()));
    let rows: Vec<Vec<String>> = apps(&workspace.join("touka")).iter().map(|app| measure_app(app, &place)).collect();
    // The folders belong to this run alone.
    drop(fs::remove_dir_all(&place));
    table(&["a clock", "crates", "clean build, s", "after a change, s"], &rows);
}

fn measure_app(app: &App, place: &Path) -> Vec<String> {
    let folder = place.join(app.name);
    fs::create_dir_all(folder.join("src")).expect("make the folder");
    let manifest = format!(
        "[package]\nname = \"clock\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n\n[workspace]\n",
        app.dependencies
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("write the manifest");
    let main = folder.join("src/main.rs");
    fs::write(&main, app.main).expect("write the program");
    // Downloads are not measured.
    cargo(&folder, &["fetch"]);
    let crates = crates(&folder);
    let clean = timed(&folder);
    fs::write(&main, app.main.replace("tick {tick}", "tock {tick}")).expect("change the program");
    let changed = timed(&folder);
    vec![app.name.to_owned(), crates.to_string(), format!("{clean:.1}"), format!("{changed:.2}")]
}

fn timed(folder: &PathBuf) -> f64 {
    let start = Instant::now();
    cargo(folder, &["build", "--offline"]);
    start.elapsed().as_secs_f64()
}

fn cargo(folder: &PathBuf, arguments: &[&str]) {
    let status = Command::new("cargo")
        .args(arguments)
        .current_dir(folder)
        // A target folder of its own, and nothing inherited from this process.
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .stderr(Stdio::null())
        .status()
        .expect("run cargo");
    assert!(status.success(), "cargo {arguments:?} failed in {}", folder.display());
}

fn crates(folder: &PathBuf) -> usize {
    let output = Command::new("cargo")
        .args(["tree", "-e", "normal", "--prefix", "none", "--offline"])
        .current_dir(folder)
        .output()
        .expect("run cargo tree");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut crates: Vec<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    crates.sort_unstable();
    crates.dedup();
    crates.len()
}
