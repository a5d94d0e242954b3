//! Labels, and the logout that finds streams by them.

use support::Visitor;
use touka::CloseReason;

use crate::scene::{FORMS, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_closes_the_streams_of_one_user() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let mut open = Vec::new();
        for user in ["user 7", "user 8", "user 7"] {
            let mut visitor = Visitor::connect(scene.address, form.0).await;
            let stream = visitor.stream(&format!("{}/{}", form.1, user.replace(' ', "%20"))).await;
            open.push((visitor, stream));
        }
        let streams = scene.handle.streams();
        let labels: Vec<_> = streams.iter().map(|stream| stream.label().unwrap_or_default()).collect();
        assert_eq!(labels, ["user 7", "user 8", "user 7"], "{form:?}");
        assert!(format!("{:?}", streams[1]).contains(r#"label: Some("user 8")"#), "{:?}", streams[1]);
        assert_eq!(scene.handle.close(|stream| stream.label() == Some("user 7")), 2);
        let (_visitor, mut other) = open.remove(1);
        for (_visitor, stream) in &mut open {
            assert!(stream.next().await.expect("a clean end").is_none());
            assert!(stream.parser().retry().is_some(), "a browser reconnects, and must authenticate");
            assert_eq!(scene.ended().await, CloseReason::Shutdown);
        }
        scene.publish("still there").await;
        assert_eq!(other.data().await, "still there");
        assert_eq!(scene.handle.streams().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_is_kept_whole() {
    let scene = Scene::new().await;
    let long = "x".repeat(2000);
    let mut visitor = Visitor::connect(scene.address, FORMS[0].0).await;
    let _stream = visitor.stream(&format!("/topic/{long}")).await;
    let open = scene.handle.streams().remove(0);
    assert_eq!(open.label(), Some(long.as_str()));
    assert!(open.path().len() <= 256, "the path is the client's, and bounded");
}
