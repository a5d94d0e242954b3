//! The expansion of each form of an attribute, kept in files, so that a change is visible in review.
//! `SNAPSHOTS=overwrite cargo test -p touka-macros` rewrites them.

use std::path::Path;
use std::{env, fs};

use proc_macro2::TokenStream;

use crate::{derive, entry};

/// The forms: a name, the outer attribute, and the function or the type with the inner attributes.
const FORMS: [(&str, &str, &str); 20] = [
    ("untyped", "#[sse_handler]", "pub async fn clock() { emit!(1); }"),
    ("typed", "#[sse_handler]", "async fn ticks(from: u64) -> EventStream<Tick> { emit!(Tick(from)); }"),
    ("fallible", "#[sse_handler]", "async fn room(id: u64) -> Result<EventStream, Refusal> { emit!(find(id)?); }"),
    ("alias", "#[sse_handler]", "async fn feed() -> Feed { emit!(event); }"),
    (
        "parameters",
        "#[sse_handler]",
        "async fn all(self: Arc<Self>, mut a: A, State(app): State<App>, _permit: Permit, out: &Emitter) { emit!(a); }",
    ),
    (
        "callback",
        "#[sse_handler(callback)]",
        "async fn poll(mut left: u32, out: &mut EventWriter<Tick>) -> Result<bool, Refusal> { Ok(left > 0) }",
    ),
    ("channel", "#[sse_handler(channel = 32)]", "async fn many(events: EventSender) { drop(events); }"),
    ("blocking", "#[sse_handler(channel = 8)]", "fn lines(path: String, events: EventSender<Line>) { drop(events); }"),
    (
        "settings",
        "#[sse_handler(keep_alive = off, whole_blocks, retry = \"3s\", open_after = \"2s\", end = \"done\", max_lifetime = \"1h30m\", write_timeout = \"30s\", on_error = sorry, on_close = log)]",
        "async fn everything() -> Result<EventStream, Refusal> { emit!(1); }",
    ),
    (
        "values",
        "#[sse_handler(close_at = claims.exp, close_when = app.ended(claims.session), label = format!(\"user {user}\"), expired_event = \"bye\", head = [(\"x-trace\", &app.trace)])]",
        "async fn mine(claims: Claims, State(mut app): State<App>, mut user: u64) { emit!(1); }",
    ),
    ("renamed", "#[sse_handler(crate = my::sse)]", "async fn clock() { emit!(1); }"),
    (
        "route",
        "#[route(GET, \"/rooms/{room}?{since}\")]",
        "pub async fn room(since: Option<u64>, State(app): State<App>, room: String, body: Bytes) -> Json<Room> { todo() }",
    ),
    (
        "route-above-handler",
        "#[route(GET, \"/feed\")]",
        "#[sse_handler(end = \"done\")] async fn feed(last: LastEventId) { emit!(1); }",
    ),
    (
        "detached",
        "#[sse_handler(__routed, detached = \"turns/{chat}\", end = \"end\", retry = \"3s\")]",
        "async fn turn(chat: u64, ask: Json<Ask>) -> Result<EventStream<Turn>, Refusal> { emit!(next(stopping()).await?); }",
    ),
    (
        "detached-above-route",
        "#[sse_handler(detached = \"turns/{chat}\")]",
        "#[doc = \"one turn\"] #[route(POST, \"/chats/{chat}\")] #[instrument] async fn turn(chat: u64) { emit!(1); }",
    ),
    (
        "route-above-detached",
        "#[route(POST, \"/chats/{chat}?{request}\")]",
        "#[sse_handler(detached = \"turns/{chat}/{request}\", owner = \"{user}\", on_disconnect = cancel_after(\"30s\"), stop_grace = \"1s\", max_run = \"2m\", max_bytes = 1_000, keep_for = \"1h\", last_event = made, end = \"end\", retry = \"3s\", label = label(&user, app)?)]
    async fn turn(chat: u64, request: String, user: User, State(app): State<App>, out: Emitter<Turn>, Json(ask): Json<Ask>) -> Result<EventStream<Turn>, Refusal> { emit!(next().await?); }",
    ),
    (
        "fold",
        "#[derive(IntoEvent)]",
        "enum Turn { #[event(fold = \"concat\")] Delta { text: String }, #[event(fold = \"concat\", data = \"text\")] Line(String), #[event(fold = Usage::add)] Usage(Usage), #[event(fold = widen)] Span { from: u32, to: u32 }, Done }",
    ),
    (
        "described-route",
        "#[route(GET, \"/rooms/{room}?{since}\")]",
        "/// Follows a room.\n#[sse_handler(callback, end = \"done\")] pub async fn room(since: Option<u64>, State(app): State<App>, room: String, out: &mut EventWriter<Tick>) -> Result<bool, Refusal> { Ok(false) }",
    ),
    (
        "described-body",
        "#[route(POST, \"/rooms\")]",
        "#[deprecated] async fn open(State(app): State<App>, room: Json<Room>) -> impl IntoResponse { }",
    ),
    (
        "described-event",
        "#[derive(IntoEvent)]",
        "#[serde(rename_all_fields = \"camelCase\")] enum Chat<'a, T> { /** A token. */ Token { #[event(id)] id: u64, #[serde(rename = \"t\", default)] text: &'a str, #[serde(with = \"hex\")] raw: Vec<u8> }, Usage(T), #[event(data = \"text\")] Line(String), Done }",
    ),
];

fn expand(form: &str, attributes: &str, function: &str) -> String {
    let describes = form.starts_with("described");
    let attributes = attributes.trim_start_matches("#[").trim_end_matches(']');
    let (name, arguments) = attributes.split_once('(').map_or((attributes, ""), |(name, arguments)| {
        (name, arguments.strip_suffix(')').expect("the arguments are closed"))
    });
    let [arguments, function]: [TokenStream; 2] = [arguments, function].map(|text| text.parse().expect("it lexes"));
    let expanded = match name {
        "derive" => derive::into_event(function, describes),
        "route" => entry::route(arguments, &function, describes),
        _ => entry::sse_handler(arguments, &function),
    };
    match syn::parse2::<syn::File>(expanded.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("{error}: {expanded}"),
    }
}

#[test]
fn each_form_expands_to_its_snapshot() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let overwrite = env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite");
    let mut changed = Vec::new();
    for (name, attributes, function) in FORMS {
        let file = folder.join(format!("{name}.rs"));
        let expanded = format!("// {attributes}\n// {function}\n\n{}", expand(name, attributes, function));
        if overwrite {
            fs::create_dir_all(&folder).expect("make the folder");
            fs::write(&file, &expanded).expect("write the snapshot");
        } else if fs::read_to_string(&file).unwrap_or_default() != expanded {
            changed.push(format!("{}:\n{expanded}", file.display()));
        }
    }
    let changed = changed.join("\n");
    assert!(
        changed.is_empty(),
        "these expansions changed; if that is intended, run SNAPSHOTS=overwrite cargo test -p touka-macros\n\n{changed}"
    );
    let known = fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(known, FORMS.len(), "a snapshot has no form: delete its file");
}
