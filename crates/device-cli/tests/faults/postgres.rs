//! A database that is cut off, restarted, or stands still.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use rand::RngExt as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::database::Database;
use crate::process::Serving;
use crate::proxy::Proxy;
use crate::work::{Crew, PATIENCE, Plan};
use crate::world::{CODE_SECONDS, Place, World};

const USERS: usize = 6;

/// Longer than the server waits for its database, which is ten seconds.
const STALL: Duration = Duration::from_secs(12);
const LONG_STALL: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// All connections are cut, and new ones work.
    Cut,
    /// The database is away for a moment.
    Away,
    /// Answers are lost, and what was asked for is done.
    Mute,
    /// The database crashes and recovers.
    Restart,
    /// The server is killed.
    Kill,
    /// The database stands still.
    Stall(Duration),
}

#[test]
fn nothing_acknowledged_is_lost_if_postgresql_fails() {
    let mut plan = Plan::new();
    let (times, stall) = if plan.is_long { (40, LONG_STALL) } else { (2, STALL) };
    let server = server();
    let database = Database::new();
    let proxy = Proxy::before(&server);
    let place = place(&[proxy.directory()], &database);
    let (world, users) = World::new(place, USERS);
    let mut crew = plan.crew(users);
    let mut faults =
        [Fault::Cut, Fault::Away, Fault::Mute, Fault::Restart, Fault::Kill].repeat(times);
    faults.push(Fault::Stall(stall));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut serving = world.start(|_| ());
    for fault in &faults {
        world.clock.step(CODE_SECONDS + 1);
        world.set_clock(&serving);
        let link = world.link(&serving);
        let answers = plan.rng.random_range(1..60);
        let moment = Duration::from_micros(plan.rng.random_range(0..4000));
        runtime.block_on(async {
            let failure = async {
                link.answered(answers).await;
                sleep(moment);
                fail(*fault, &mut serving, &proxy, &server);
                // A little work after the fault, if anyone is left to do it.
                link.stop.store(true, Ordering::Relaxed);
            };
            tokio::join!(crew.work(&link, usize::MAX), failure);
        });
        if let Fault::Kill = fault {
            serving = world.start(|_| ());
        }
        settle(&database);
        runtime.block_on(crew.check(&world.link(&serving)));
    }
    finish(&world, &serving, &mut crew, &runtime);
    plan.report(&format!("{} faults of PostgreSQL, a stall of {stall:?}", faults.len()), &crew);
}

/// A database that stands still accepts connections, since the system does so for it.
#[test]
fn sign_ins_go_on_if_the_first_host_falls_silent() {
    let mut plan = Plan::new();
    let server = server();
    let database = Database::new();
    let proxy = Proxy::before(&server);
    let (world, users) = World::new(place(&[proxy.directory(), &server], &database), 2);
    let mut crew = plan.crew(users);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let serving = world.start(|_| ());
    world.clock.step(CODE_SECONDS + 1);
    world.set_clock(&serving);
    runtime.block_on(crew.work(&world.link(&serving), 5));
    proxy.mute();
    let (link, started) = (world.link(&serving), Instant::now());
    runtime.block_on(async {
        let first = async {
            link.answered(1).await;
            let silence = started.elapsed();
            assert!(silence < Duration::from_secs(10), "the first answer after {silence:?}");
        };
        tokio::join!(crew.check(&link), first);
    });
    finish(&world, &serving, &mut crew, &runtime);
    plan.report("a first host that falls silent", &crew);
}

/// The directory of the database server's socket.
fn server() -> PathBuf {
    PathBuf::from(env::var_os("DEVICE_TEST_POSTGRES").expect("run cargo xtask faults"))
}

/// A database at the first of these sockets that serves it.
fn place(sockets: &[&Path], database: &Database) -> Place {
    let hosts: Vec<String> =
        sockets.iter().map(|socket| socket.to_str().unwrap().replace('/', "%2F")).collect();
    let name = database.url().rsplit_once('/').unwrap().1;
    Place::Postgres(format!("postgres://postgres@{}/{name}", hosts.join(",")))
}

fn finish(world: &World, serving: &Serving, crew: &mut Crew, runtime: &tokio::runtime::Runtime) {
    world.clock.step(CODE_SECONDS + 1);
    world.set_clock(serving);
    runtime.block_on(crew.check_devices(&world.link(serving)));
    world.verify();
}

fn fail(fault: Fault, serving: &mut Serving, proxy: &Proxy, server: &Path) {
    match fault {
        Fault::Cut => proxy.back(),
        Fault::Away => {
            proxy.away();
            sleep(Duration::from_millis(300));
            proxy.back();
        }
        Fault::Mute => {
            proxy.mute();
            sleep(Duration::from_millis(50));
            proxy.back();
        }
        Fault::Restart => {
            let restart = env::var_os("DEVICE_TEST_POSTGRES_RESTART").unwrap();
            assert!(Command::new(restart).status().unwrap().success());
        }
        Fault::Kill => {
            serving.process.kill().unwrap();
            serving.process.wait().unwrap();
        }
        Fault::Stall(time) => {
            let started = Instant::now();
            let stopped = Stopped::all(server);
            // Says so once its last result is too old, and stays alive.
            while serving.get("/health").0 != 503 {
                assert!(started.elapsed() < time, "a database that stands still is healthy");
                sleep(Duration::from_millis(100));
            }
            assert_eq!(serving.get("/livez").0, 200);
            sleep(time.saturating_sub(started.elapsed()));
            drop(stopped);
        }
    }
}

/// Waits until no statement runs any more: one that nobody waits for may still change something.
///
/// It does not ask for `/health`: its answer is repeated for five seconds, and would hide a stall.
fn settle(database: &Database) {
    let active = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND state <> 'idle' AND pid <> pg_backend_pid()";
    let started = Instant::now();
    while database.run(active).trim() != "0" {
        assert!(started.elapsed() < PATIENCE, "a statement runs for {PATIENCE:?}");
        sleep(Duration::from_millis(50));
    }
}

/// All processes of the database, standing still until this is dropped.
struct Stopped(Vec<Pid>);

impl Stopped {
    fn all(server: &Path) -> Self {
        let file = fs::read_to_string(server.join("data/postmaster.pid")).unwrap();
        let main: i32 = file.lines().next().unwrap().parse().unwrap();
        // First, so that it starts no others.
        let mut stopped = Self(Pid::from_raw(main).into_iter().collect());
        stopped.signal(Signal::STOP);
        let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let id: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // The name in front is in parentheses, and may contain any other character.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<i32>().ok()?;
            Pid::from_raw(id).filter(|_| parent == main)
        });
        stopped.0.extend(children);
        stopped.signal(Signal::STOP);
        stopped
    }

    fn signal(&self, signal: Signal) {
        for process in &self.0 {
            // One that has ended meanwhile needs no signal.
            let _ = kill_process(*process, signal);
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
    }
}
