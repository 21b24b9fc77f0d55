//! Two servers on one database, which keep no state of their own.

use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::client::{PASSWORD, Pool, User};
use crate::database::Database;
use crate::process::{Serving, command, exchange, request};

fn replicas(database: &Database) -> [Serving; 2] {
    let arguments = ["--listen", "127.0.0.1:0", "--dev", "--store", database.url()];
    // Both have one public URL, because tokens have it as their issuer.
    let arguments = [&arguments[..], &["--public-url", "https://auth.example.com"]].concat();
    [(); 2].map(|()| {
        let mut command = command(&arguments);
        command.env("DEVICE_MASTER_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        start(command)
    })
}

/// Starts a server that logs no requests: nothing reads its log, and a full pipe would block it.
pub(crate) fn start(mut command: Command) -> Serving {
    command.env("RUST_LOG", "error");
    Serving::start(command)
}

fn refused(server: &Serving, operation: &str, body: &Value) -> String {
    let (status, answer) = server.call(operation, body);
    assert_eq!(status, 400, "{operation}: {answer}");
    format!("{}: {}", answer["__type"], answer["message"])
}

/// A user who has signed in by password and had a device remembered.
fn remembered<'p>(pool: &'p Pool, [a, b]: &[Serving; 2], username: &str) -> User<'p> {
    pool.add_user(a, username);
    let mut user = User::new(pool, username);
    let done = b.ok("RespondToAuthChallenge", &user.begin(a));
    user.confirm_device(a, &done["AuthenticationResult"]);
    user
}

#[test]
fn a_sign_in_may_change_servers_at_every_step() {
    let database = Database::new();
    let servers = replicas(&database);
    let [a, b] = &servers;
    let pool = Pool::new(a);
    let user = remembered(&pool, &servers, "ana");
    for order in [[a, b, a, b], [b, a, b, a], [a, a, b, b]] {
        let tokens = user.sign_in(order);
        let who = json!({ "AccessToken": tokens["AccessToken"] });
        for server in [a, b] {
            server.ok("GetUser", &who);
            server.ok("InitiateAuth", &user.refresh(&tokens));
            let devices = server.ok("ListDevices", &who);
            assert_eq!(devices["Devices"].as_array().unwrap().len(), 1);
        }
    }
}

#[test]
fn a_proof_is_used_once_over_all_servers() {
    let database = Database::new();
    let servers = replicas(&database);
    let pool = Pool::new(&servers[0]);
    let user = remembered(&pool, &servers, "ana");
    for round in 0..10 {
        let proof = user.begin(&servers[round % 2]);
        let start = Barrier::new(8);
        let accepted: usize = thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|n| {
                    let (start, proof, server) = (&start, &proof, &servers[n % 2]);
                    scope.spawn(move || {
                        start.wait();
                        usize::from(server.call("RespondToAuthChallenge", proof).0 == 200)
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(accepted, 1, "round {round}");
        for server in &servers {
            refused(server, "RespondToAuthChallenge", &proof);
        }
    }
}

#[test]
fn no_server_serves_what_another_ended() {
    let database = Database::new();
    let servers = replicas(&database);
    let pool = Pool::new(&servers[0]);
    for round in 0..6 {
        let (a, b) = (&servers[round % 2], &servers[1 - round % 2]);
        let username = format!("user{round}");
        let user = remembered(&pool, &servers, &username);
        let tokens = user.sign_in([b, b, b, b]);
        let who = json!({ "AccessToken": tokens["AccessToken"] });
        // If `b` cached anything of the user or the tokens, it has done so now.
        b.ok("GetUser", &who);
        b.ok("InitiateAuth", &user.refresh(&tokens));

        let named = json!({ "UserPoolId": pool.id, "Username": username });
        let revoke = json!({ "Token": tokens["RefreshToken"], "ClientId": pool.client });
        match round / 2 {
            0 => a.ok("AdminDisableUser", &named),
            1 => a.ok("RevokeToken", &revoke),
            _ => a.ok("AdminUserGlobalSignOut", &named),
        };
        refused(b, "InitiateAuth", &user.refresh(&tokens));
        refused(b, "GetUser", &who);
        if round / 2 == 0 {
            let said = refused(b, "InitiateAuth", &pool.password_sign_in(&username, PASSWORD));
            assert!(said.contains("NotAuthorized"), "{said}");
        }
    }
}

#[test]
fn wrong_passwords_count_over_all_servers() {
    let database = Database::new();
    let servers = replicas(&database);
    let pool = Pool::new(&servers[0]);
    pool.add_user(&servers[0], "ana");
    let guess = pool.password_sign_in("ana", "Wrong-Horse-7");
    let mut tries = 0;
    while !refused(&servers[tries % 2], "InitiateAuth", &guess).contains("attempts exceeded") {
        tries += 1;
        assert!(tries < 20, "no lockout");
    }
    let right = pool.password_sign_in("ana", PASSWORD);
    for server in &servers {
        let said = refused(server, "InitiateAuth", &right);
        assert!(said.contains("attempts exceeded"), "{said}");
    }
}

/// Every user whose creation the killed server acknowledged exists at the other server.
#[test]
fn a_killed_server_loses_no_acknowledged_change() {
    let database = Database::new();
    let [mut killed, other] = replicas(&database);
    let pool = Pool::new(&killed);
    let address = killed.address.clone();
    let enough = AtomicBool::new(false);
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (pool, address, enough) = (&pool, &address, &enough);
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for n in 0.. {
                        let username = format!("user-{writer}-{n}");
                        let user = json!({
                            "UserPoolId": pool.id, "Username": username,
                            "MessageAction": "SUPPRESS",
                        });
                        match exchange(address, &request("AdminCreateUser", &user)) {
                            Some((200, _)) => done.push(username),
                            _ => break,
                        }
                        enough.store(n > 10, Ordering::Relaxed);
                    }
                    done
                })
            })
            .collect();
        while !enough.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        killed.process.kill().unwrap();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert!(acknowledged.len() > 10);
    for username in acknowledged {
        other.ok("AdminGetUser", &json!({ "UserPoolId": pool.id, "Username": username }));
    }
}
