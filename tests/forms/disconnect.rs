//! When a client disconnects, everything its stream holds is dropped, even if the stream is silent.
//! Keep-alives do not find the disconnect here: these streams have none.

use touka::CloseReason;

use crate::form::Form;
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run; a_disconnect_drops_the_stream, a_disconnect_drops_no_other_stream);

async fn a_disconnect_drops_the_stream(form: Form) {
    let mut scene = Scene::new(form).await;
    for how in form.leaves() {
        // Before its first event, and after one.
        for emits in [false, true] {
            let mut reader = scene.open().await;
            assert_eq!(scene.topic.subscribers(), usize::from(form.follows_a_topic()));
            assert_eq!((scene.held.get(), scene.handle.count()), (1, 1));
            if emits {
                let wire = scene.emit("here").await;
                reader.expects(&wire).await;
            }
            reader.leave(*how).await;
            assert_eq!(scene.ended().await, CloseReason::Disconnected, "{how:?}");
            scene.is_empty().await;
        }
    }
}

async fn a_disconnect_drops_no_other_stream(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut stays = scene.open().await;
    for how in form.leaves() {
        let mut leaves = Vec::new();
        for _ in 0..5 {
            leaves.push(scene.open().await);
        }
        assert_eq!(scene.held.get(), 6);
        for reader in leaves {
            reader.leave(*how).await;
        }
        for _ in 0..5 {
            assert_eq!(scene.ended().await, CloseReason::Disconnected);
        }
        support::until(crate::scene::PATIENCE, "five are gone", || scene.handle.count() == 1).await;
        assert_eq!(scene.held.get(), 1);
        let wire = scene.emit("still there").await;
        stays.expects(&wire).await;
    }
}
