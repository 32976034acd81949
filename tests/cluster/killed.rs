//! An agent that is killed in the middle of its work.
use crate::{
    live::Live,
    proxy::{Fault, Proxy, Rule},
    support::{Bed, kubeconfig, map, namespace, shown},
};
use std::{
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

/// Writes at which it may be killed, of both revisions together; more than there are.
const POINTS: usize = 40;

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: secret, namespace: NAMESPACE}\nstringData: {key: value}\n";

/// When the agent is killed, relative to the write that is counted.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Before,
    After,
}

fn first_revision(bed: &Bed) {
    bed.commit(&[
        ("app/namespace.yaml", namespace()),
        ("app/a.yaml", &map("a", "blue")),
        ("app/b.yaml", &map("b", "blue")),
        ("app/c.yaml", &map("c", "blue")),
        ("app/secret.yaml", SECRET),
    ]);
    bed.state("{path: app, prune: true}");
}

/// Two objects get other names, one leaves, and one changes.
fn second_revision(bed: &Bed) {
    std::fs::remove_file(bed.repository().join("app/secret.yaml")).expect("removed");
    bed.commit(&[
        ("app/a.yaml", &map("a", "green")),
        ("app/b.yaml", &map("b-renamed", "blue")),
        ("app/c.yaml", &map("c-renamed", "blue")),
    ]);
}

/// Runs the agent once and kills it at the n-th write; whether it came to that, and how many writes there were.
fn run_and_kill(bed: &Bed, proxy: &Proxy, n: usize, moment: Moment) -> (bool, usize) {
    let pid = Arc::new(OnceLock::new());
    let victim = Arc::clone(&pid);
    let kill = Arc::new(move || {
        let pid: &u32 = victim.wait();
        Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill runs");
    });
    let fault = match moment {
        Moment::Before => Fault::Before(kill),
        Moment::After => Fault::After(kill),
    };
    proxy.heal();
    proxy.take();
    proxy.rule(Rule::new(fault, |seen| seen.verb.writes()).nth(n));
    let mut command = bed.agent_command(proxy.kubeconfig(), &["--once", "--patience", "60"]);
    let agent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("arcwright runs");
    pid.set(agent.id()).expect("set once");
    let status = { agent }.wait().expect("it ends");
    let seen = proxy.take();
    let is_killed = seen.iter().any(|seen| seen.is_faulted);
    assert_eq!(is_killed, status.code().is_none(), "either killed or ended by itself");
    (is_killed, seen.iter().filter(|seen| seen.verb.writes()).count())
}

/// Kills the agent at the n-th write, lets a fresh one finish, and says whether there was an n-th write.
fn survives(n: usize, moment: Moment) -> bool {
    let bed = Bed::new(&format!("kill-{n}-{moment:?}").to_lowercase());
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    first_revision(&bed);
    let (mut is_killed, writes) = run_and_kill(&bed, &proxy, n, moment);
    second_revision(&bed);
    if !is_killed {
        (is_killed, _) = run_and_kill(&bed, &proxy, n - writes, moment);
    }
    let done = bed.once_at(kubeconfig());
    let at = format!("killed {moment:?} write {n}");
    assert!(done.status.success(), "{at}: {}", shown(&done));
    let live = Live::shared();
    let label = bed.owner_label();
    assert_eq!(live.names("ConfigMap", &bed.namespace, &label), ["a", "b-renamed", "c-renamed"], "{at}");
    assert_eq!(live.names("Secret", &bed.namespace, &label), Vec::<String>::new(), "{at}");
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("green"), "{at}");
    let inventory = bed.inventory(&live);
    assert!(
        inventory.contains("/b-renamed") && !inventory.contains("/secret") && !inventory.contains("/b\n"),
        "{at}: {inventory}"
    );
    is_killed
}

#[test]
fn killed_at_any_write_it_converges_afterwards_prunes_all_that_left_and_orphans_nothing() {
    std::thread::scope(|scope| {
        let runs = [Moment::Before, Moment::After].map(|moment| {
            scope.spawn(move || {
                let end = (1..POINTS).find(|n| !survives(*n, moment)).expect("an end of the writes");
                assert!(end > 10, "it was killed at {end} points only");
            })
        });
        for run in runs {
            run.join().expect("no point of failure");
        }
    });
}
