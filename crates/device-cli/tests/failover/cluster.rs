//! Three machines of a cluster: network namespaces, each with etcd, Patroni and PostgreSQL.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::exchange;

const NODES: usize = 3;

/// The user that Debian's package of PostgreSQL creates; PostgreSQL refuses to run as root.
const USER: &str = "postgres";

/// How long the cluster may take to recover, which includes a copy of the lost node's data.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(100);

/// Files in memory, if there is such a place: a kill loses no page of it, and other work of the
/// machine's disk delays no election.
const MEMORY: &str = "/dev/shm";

/// Patroni's settings of all nodes.
///
/// A lost primary keeps its lock for `ttl`, so this is most of a failover. `ttl` must be at least
/// `loop_wait` and twice `retry_timeout`. A primary that crashed is not waited for.
fn shared_settings() -> Value {
    json!({
        "ttl": 5, "loop_wait": 1, "retry_timeout": 2,
        "synchronous_mode": true,
        "primary_start_timeout": 0, "master_start_timeout": 0,
        "postgresql": {
            "use_pg_rewind": true,
            "parameters": {
                "wal_log_hints": true, "wal_sender_timeout": "5s", "wal_receiver_timeout": "5s",
                "max_connections": 100, "shared_buffers": "32MB", "wal_keep_size": "256MB",
            },
        },
    })
}

pub(crate) struct Cluster {
    nodes: Vec<Node>,
    programs: PathBuf,
    directory: TempDir,
}

/// A machine: its network, and what runs in it.
struct Node {
    number: usize,
    /// Keeps the network namespace.
    holder: Child,
    running: Vec<Child>,
    /// Whether it answers.
    is_connected: bool,
}

impl Node {
    fn name(&self) -> String {
        format!("node{}", self.number)
    }

    /// The name of the bridge's end of its cable.
    fn cable(&self) -> String {
        cable(self.number)
    }

    fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// A command on this machine.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace())).args(words);
        command
    }

    /// The processes on this machine, but for the one that keeps it.
    fn processes(&self) -> Vec<u32> {
        let Ok(here) = fs::read_link(self.namespace()) else { return Vec::new() };
        let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let its = fs::read_link(format!("/proc/{id}/ns/net")).ok()?;
            (its == here && id != self.holder.id()).then_some(id)
        });
        ids.collect()
    }

    /// Ends everything that runs on this machine.
    fn kill(&mut self) {
        let mut left = self.processes();
        while !left.is_empty() {
            signal("KILL", &left);
            for mut child in self.running.drain(..) {
                child.wait().unwrap();
            }
            sleep(Duration::from_millis(10));
            left = self.processes();
        }
    }
}

/// Sends a signal. A process that has ended meanwhile is no failure.
fn signal(name: &str, processes: &[u32]) {
    let ids: Vec<_> = processes.iter().map(u32::to_string).collect();
    let _ = Command::new("kill").arg(format!("-{name}")).args(ids).stderr(Stdio::null()).status();
}

fn address(node: usize) -> String {
    format!("10.83.0.{}", node + 1)
}

fn cable(node: usize) -> String {
    format!("cable{node}")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')));
}

impl Cluster {
    /// Starts a cluster and waits until it has a primary and two standbys.
    pub(crate) fn start(programs: PathBuf) -> Self {
        let links = Command::new("ip").args(["-o", "link"]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&links.stdout).lines().count(),
            1,
            "not in a network namespace of its own: run `cargo xtask failover`"
        );
        ip("link set lo up");
        ip("link add bridge type bridge");
        ip("address add 10.83.0.100/24 dev bridge");
        ip("link set bridge up");
        let place = Path::new(MEMORY);
        let directory =
            if place.is_dir() { tempfile::tempdir_in(place) } else { tempfile::tempdir() };
        let directory = directory.unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut cluster = Self { nodes: Vec::new(), programs, directory };
        for number in 0..NODES {
            cluster.add_node(number);
        }
        for number in 0..NODES {
            cluster.boot(number);
        }
        cluster.healthy();
        cluster
    }

    fn add_node(&mut self, number: usize) {
        let holder = Command::new("unshare").args(["--net", "sleep", "infinity"]).spawn().unwrap();
        let node = Node { number, holder, running: Vec::new(), is_connected: true };
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        // The namespace is there a moment after the process.
        while fs::read_link(node.namespace()).is_ok_and(|its| its == own) {
            sleep(Duration::from_millis(1));
        }
        ip(&format!("link add {} type veth peer name network", node.cable()));
        ip(&format!("link set network netns {}", node.holder.id()));
        ip(&format!("link set {} master bridge up", node.cable()));
        for arguments in [
            "link set lo up",
            &format!("address add {}/24 dev network", address(number)),
            "link set network up",
        ] {
            run(node.command(&["ip"]).args(arguments.split(' ')));
        }
        let home = self.home(number);
        fs::create_dir(&home).unwrap();
        let settings = self.settings(number);
        fs::write(home.join("patroni.yml"), settings.to_string()).unwrap();
        run(Command::new("chown").arg("-R").arg(format!("{USER}:")).arg(&home));
        self.nodes.push(node);
    }

    fn home(&self, number: usize) -> PathBuf {
        self.directory.path().join(format!("node{number}"))
    }

    fn settings(&self, number: usize) -> Value {
        let (home, here) = (self.home(number), address(number));
        let all: Vec<_> = (0..NODES).map(|node| format!("{}:2379", address(node))).collect();
        json!({
            "scope": "device", "name": format!("node{number}"),
            "restapi": {
                "listen": format!("{here}:8008"), "connect_address": format!("{here}:8008"),
            },
            "etcd3": { "hosts": all },
            "bootstrap": {
                "dcs": shared_settings(),
                "initdb": [{ "encoding": "UTF8" }, { "locale": "C" }, "data-checksums"],
            },
            "postgresql": {
                "listen": format!("{here}:5432"), "connect_address": format!("{here}:5432"),
                "data_dir": home.join("data"), "bin_dir": self.programs,
                "pgpass": home.join("pgpass"),
                "authentication": {
                    "superuser": { "username": USER }, "replication": { "username": USER },
                },
                "parameters": { "unix_socket_directories": home },
                // The network is private to this test.
                "pg_hba": [
                    "local all all trust", "host all all 10.83.0.0/24 trust",
                    "host replication all 10.83.0.0/24 trust",
                ],
            },
        })
    }

    /// Starts etcd and Patroni on a machine.
    fn boot(&mut self, number: usize) {
        let (home, here) = (self.home(number), address(number));
        let all: Vec<_> =
            (0..NODES).map(|node| format!("node{node}=http://{}:2380", address(node))).collect();
        let (clients, peers) = (format!("http://{here}:2379"), format!("http://{here}:2380"));
        let etcd_data = home.join("etcd");
        let etcd = [
            "etcd",
            "--name",
            &self.nodes[number].name(),
            "--data-dir",
            etcd_data.to_str().unwrap(),
            "--listen-client-urls",
            &clients,
            "--advertise-client-urls",
            &clients,
            "--listen-peer-urls",
            &peers,
            "--initial-advertise-peer-urls",
            &peers,
            "--initial-cluster",
            &all.join(","),
            "--election-timeout",
            "500",
        ]
        .map(str::to_owned);
        let settings = home.join("patroni.yml");
        let patroni = ["patroni", settings.to_str().unwrap()].map(str::to_owned);
        let node = &mut self.nodes[number];
        for words in [&etcd[..], &patroni[..]] {
            let log = home.join(format!("{}.log", words[0]));
            let log = File::options().create(true).append(true).open(log).unwrap();
            let mut command = node.command(&["runuser", "-u", USER, "--"]);
            let child = command
                .args(words)
                .current_dir(&home)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            node.running.push(child);
        }
    }

    /// The URL of a database for `device serve`.
    pub(crate) fn url(&self, database: &str) -> String {
        let hosts: Vec<_> = (0..NODES).map(address).collect();
        let settings = "target_session_attrs=read-write&sslmode=disable";
        format!("postgres://{USER}@{}/{database}?{settings}", hosts.join(","))
    }

    /// Creates a database.
    pub(crate) fn create_database(&self, name: &str) {
        let (primary, _) = self.healthy();
        run(Command::new("psql")
            .args(["-XqtA", "-U", USER, "-h", &address(primary), "-c"])
            .arg(format!("CREATE DATABASE {name}")));
    }

    /// What the nodes are, by the first of them that answers; `None` without an answer.
    fn members(&self) -> Option<Vec<Value>> {
        let get = "GET /cluster HTTP/1.1\r\nhost: patroni\r\nconnection: close\r\n\r\n";
        // A machine that is cut off is not asked: it answers late, or with what was.
        let reachable = (0..NODES).filter(|node| self.nodes[*node].is_connected);
        let mut answers =
            reachable.filter_map(|node| exchange(&format!("{}:8008", address(node)), get));
        answers.find_map(|(_, body)| body["members"].as_array().cloned())
    }

    fn with_role(members: &[Value], role: &str) -> Option<usize> {
        let member = members.iter().find(|it| it["role"] == role);
        let name = member?["name"].as_str()?;
        name.strip_prefix("node")?.parse().ok()
    }

    /// Waits until there are a primary and two standbys that follow it. Returns the primary, and
    /// the standby that would take over.
    pub(crate) fn healthy(&self) -> (usize, usize) {
        self.wait("a primary and two standbys", |members| {
            let follows = |member: &Value| {
                matches!(member["state"].as_str(), Some("running" | "streaming"))
                    && member["timeline"] == members[0]["timeline"]
            };
            if members.len() < NODES || !members.iter().all(follows) {
                return None;
            }
            Self::with_role(members, "leader").zip(Self::with_role(members, "sync_standby"))
        })
    }

    /// Waits until a node other than this one is the primary.
    pub(crate) fn wait_for_another(&self, former: usize) {
        self.wait("another primary", |members| {
            Self::with_role(members, "leader").filter(|primary| *primary != former)
        });
    }

    /// Waits until this node is no standby that the primary waits for.
    pub(crate) fn wait_for_other_standby(&self, former: usize) {
        self.wait("another standby", |members| {
            Self::with_role(members, "sync_standby").filter(|standby| *standby != former)
        });
    }

    fn wait<T>(&self, what: &str, find: impl Fn(&[Value]) -> Option<T>) -> T {
        let started = Instant::now();
        let mut members = None;
        while started.elapsed() < PATIENCE {
            members = self.members();
            if let Some(found) = members.as_deref().and_then(&find) {
                return found;
            }
            sleep(PAUSE);
        }
        panic!("not {what} after {PATIENCE:?}: {members:?}");
    }

    /// Asks Patroni to promote the standby.
    pub(crate) fn switch_over(&self, primary: usize, standby: usize) {
        let order =
            json!({ "leader": format!("node{primary}"), "candidate": format!("node{standby}") });
        let order = order.to_string();
        let post = format!(
            "POST /switchover HTTP/1.1\r\nhost: patroni\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{order}",
            order.len()
        );
        // The answer is a sentence and not JSON.
        exchange(&format!("{}:8008", address(primary)), &post);
    }

    /// Kills PostgreSQL with all its processes; Patroni goes on.
    pub(crate) fn kill_postgres(&self, node: usize) {
        let file = fs::read_to_string(self.home(node).join("data/postmaster.pid")).unwrap();
        let main = file.lines().next().unwrap();
        run(Command::new("pkill").args(["-KILL", "--parent", main]));
        run(Command::new("kill").args(["-KILL", main]));
    }

    /// Ends a machine. Nobody hears of it.
    pub(crate) fn cut_power(&mut self, node: usize) {
        self.cut_off(node);
        self.nodes[node].kill();
    }

    /// Starts a machine again.
    pub(crate) fn start_again(&mut self, node: usize) {
        self.connect(node);
        self.boot(node);
    }

    /// Unplugs a machine. What is sent to it is lost.
    pub(crate) fn cut_off(&mut self, node: usize) {
        self.nodes[node].is_connected = false;
        ip(&format!("link set {} down", cable(node)));
    }

    pub(crate) fn connect(&mut self, node: usize) {
        self.nodes[node].is_connected = true;
        ip(&format!("link set {} up", cable(node)));
    }

    /// Cuts a machine off from the other two, while clients still reach it.
    pub(crate) fn cut_off_from_peers(&mut self, node: usize) {
        self.nodes[node].is_connected = false;
        self.route_to_peers(node, "add");
    }

    pub(crate) fn connect_to_peers(&mut self, node: usize) {
        self.nodes[node].is_connected = true;
        self.route_to_peers(node, "delete");
    }

    fn route_to_peers(&self, node: usize, action: &str) {
        for peer in (0..NODES).filter(|peer| *peer != node) {
            let arguments = format!("ip route {action} blackhole {}/32", address(peer));
            run(&mut self.nodes[node].command(&arguments.split(' ').collect::<Vec<_>>()));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.kill();
            // It has ended, or ends now.
            let _ = node.holder.kill();
            let _ = node.holder.wait();
        }
        if std::thread::panicking() {
            // The logs alone: databases would fill the memory.
            self.directory.disable_cleanup(true);
            for number in 0..self.nodes.len() {
                for data in ["data", "etcd"] {
                    let _ = fs::remove_dir_all(self.home(number).join(data));
                }
            }
            eprintln!("the logs are in {:?}", self.directory.path());
        }
    }
}
