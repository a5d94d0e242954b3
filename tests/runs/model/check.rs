//! [`check`], one scenario to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;
use touka::Emitter;
use touka::run::Begun;

use super::life::LOST;
use super::step::{From, KEYS, Step};
use super::world::World;

/// Takes the steps, stops all runs, and reads all streams to their ends.
pub(crate) async fn check(mut world: World, steps: Vec<Step>) {
    for step in steps {
        world.step(step).await;
        world.look().await;
    }
    for key in 0..KEYS.len() {
        world.step(Step::Stop { node: 0, key }).await;
        world.look().await;
    }
    if world.is_timed {
        world.step(Step::Pass(Duration::from_secs(13))).await;
        world.look().await;
    }
    for key in 0..KEYS.len() {
        world.observe(0, key).await;
        for node in 0..world.hubs.len() {
            world.follow(node, key, From::Nothing).await;
        }
    }
    while !world.viewers.is_empty() {
        world.read(0, usize::MAX).await;
    }
    for (key, (name, owner)) in KEYS.into_iter().enumerate() {
        let life = world.life(key).map(|life| (life.end, life.bodies.load(Ordering::SeqCst)));
        if let (Some((end, bodies)), Some(owner)) = (life, owner) {
            assert!(bodies == 1 || end == Some(LOST), "{bodies} {end:?}");
            for node in 0..world.hubs.len() {
                let hub = world.hubs[world.alive(node)].clone();
                let runs = hub.runs(format!("{}{owner}", world.scenario)).await.expect("a list");
                let runs: Vec<_> = runs.iter().map(|run| (run.key(), Some(run.status().as_str()))).collect();
                assert_eq!(runs, [(&*format!("{}{name}", world.scenario), end.map(|(name, _)| name))]);
            }
        }
        // All keys can be used again.
        if world.life(key).is_some() {
            world.run(0, key).forget().await.expect("forgotten");
        }
        if !world.is_closing[world.alive(0)] {
            let run = world.run(0, key);
            assert_eq!(run.start_or_join(|_: Emitter| async {}).await.expect("a start"), Begun::Started);
            run.wait().await.expect("an end");
            run.forget().await.expect("forgotten");
        }
    }
    sleep(Duration::from_millis(1)).await;
}
