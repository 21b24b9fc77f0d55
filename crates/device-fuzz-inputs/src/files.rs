//! Seeds of the targets that read files.

use serde_json::{Value, json};

use crate::Seed;
use crate::bodies::DEVICE_KEY;

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    records(seeds);
    settings(seeds);
}

/// Files of device records and sessions.
fn records(seeds: &mut Vec<Seed>) {
    let owner = json!({"user_pool_id": "us-east-1_Ab12Cd34E", "client_id": "4example5client6id7",
        "username": "ada"});
    let with = |base: &Value, members: Value| {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        all
    };
    let record = with(
        &owner,
        json!({"device_key": DEVICE_KEY, "group_key": "-Ab1Cd2Ef", "password": "s",
            "status": "remembered", "name": null}),
    );
    let alias = with(&owner, json!({"typed": "ada@example.com"}));
    let session = with(
        &owner,
        json!({"alias": "ada@example.com", "sub": "5f1e7a52", "device_key": DEVICE_KEY,
            "expires_at": {"secs_since_epoch": 1_790_000_000, "nanos_since_epoch": 0},
            "origin": "sign_in",
            "tokens": {"access_token": "a.b.c", "id_token": "d.e.f", "refresh_token": "r",
                "expires_in": 3600, "token_type": "Bearer"}}),
    );
    let whole =
        json!({"version": 1, "records": [record], "aliases": [alias], "sessions": [session]});
    let bob = json!({"username": "bob"});
    for (name, change) in [
        ("whole", json!({})),
        ("no_sessions", json!({"sessions": []})),
        ("two_records", json!({"records": [record, with(&record, bob.clone())]})),
        ("record_twice", json!({"records": [record, record]})),
        ("alias_of_nobody", json!({"records": []})),
        ("alias_twice", json!({"aliases": [alias, with(&alias, bob)]})),
        (
            "alias_in_capitals",
            json!({"aliases": [with(&alias, json!({"typed": "ADA@EXAMPLE.COM"}))]}),
        ),
        ("session_twice", json!({"sessions": [session, session]})),
        (
            "session_of_another_client",
            json!({"sessions": [with(&session, json!({"client_id": "other"}))]}),
        ),
        (
            "session_before_the_epoch",
            json!({"sessions": [with(&session, json!({"expires_at":
                {"secs_since_epoch": -1, "nanos_since_epoch": 4_000_000_000_u64}}))]}),
        ),
        ("newer", json!({"version": 2})),
        ("version_of_text", json!({"version": "1"})),
        ("no_version", json!({"version": null})),
        ("unknown_status", json!({"records": [with(&record, json!({"status": "lent"}))]})),
        ("unknown_member", json!({"more": 1})),
        (
            "empty_names",
            json!({"records": [with(&record, json!({"username": "", "device_key": ""}))]}),
        ),
    ] {
        seeds.push(Seed::new("record_files", name, with(&whole, change).to_string()));
    }
    for (name, data) in [
        ("nothing", b"".as_slice()),
        ("list", b"[]"),
        ("cut", &whole.to_string().as_bytes()[..200]),
        ("not_utf8", b"{\"version\":1,\"records\":\"\xff\"}"),
        ("byte_order_mark", b"\xef\xbb\xbf{}"),
        ("deep", &[b'['; 300]),
    ] {
        seeds.push(Seed::new("record_files", name, data));
    }
}

/// Configuration files of the server.
fn settings(seeds: &mut Vec<Seed>) {
    let mut put = |name: &str, text: &str| seeds.push(Seed::new("settings_files", name, text));
    put("nothing", "");
    put("comment", "# nothing is set\n");
    put(
        "many",
        "listen = \"127.0.0.1:9229\"\nin-memory = true\nregion = \"eu-west-1\"\n\
         public-url = \"https://auth.example.com/\"\naccess-key-id = \"AKIDEXAMPLE\"\n\
         secret-access-key = \"0123456789abcdef\"\ncors-origin = [\"https://app.example.com\"]\n\
         trusted-proxy = [\"10.0.0.0/8\", \"fd00::7\"]\naudit-days = 30\nmax-connections = 5\n\
         log-format = \"json\"\nunconfirmed-user-days = 1\nmax-connections-per-address = 2\n",
    );
    put(
        "network",
        "listen = [\"127.0.0.1:0\", \"unix:/run/d\"]\nadmin-listen = \"0.0.0.0:1\"\n\
         metrics-listen = [\"[::1]:2\"]\nsocket-mode = \"600\"\nbehind-proxy = true\n\
         proxy-header = \"forwarded\"\nlog-level = \"device_server=debug\"\ntls-cert = \"c\"\n\
         tls-key = \"k\"\n",
    );
    put(
        "messages",
        "smtp-url = \"smtps://u:p@mail.example.com\"\n\
         smtp-from = \"Example <no-reply@example.com>\"\n\
         message-webhook = \"http://hook.example.com/\"\nhook-url = \"http://hook.example.com/\"\n\
         message-file = \"messages\"\n",
    );
    put("dev", "dev = true\ndev-unsafe = true\ndev-host = [\"device\", \"localhost\"]\n");
    for (name, line) in [
        ("unknown_option", "color = true"),
        ("option_twice", "dev = true\ndev = false"),
        ("wrong_type", "in-memory = \"yes\""),
        ("negative", "audit-days = -1"),
        ("too_many_days", "audit-days = 4294967296"),
        ("most_days", "audit-days = 4294967295"),
        ("no_connections", "max-connections = 0"),
        ("two_places", "in-memory = true\ndata = \"d\""),
        ("half_a_key", "access-key-id = \"A\""),
        ("short_secret", "access-key-id = \"A\"\nsecret-access-key = \"b\""),
        ("half_a_mail_server", "smtp-url = \"smtp://mail\""),
        ("odd_mail_server", "smtp-url = \"mail\"\nsmtp-from = \"a@b\""),
        ("odd_proxy", "trusted-proxy = [\"10.0.0.0/33\"]"),
        ("odd_origin", "cors-origin = [\"https://a/b\"]"),
        ("any_origin", "cors-origin = [\"*\"]"),
        ("odd_region", "region = \"EU\""),
        ("odd_public_url", "public-url = \"ftp://a\""),
        ("odd_hook", "hook-url = \"http://\""),
        ("odd_listen", "listen = \"1.2.3.4\""),
        ("exposed_listen", "listen = \"0.0.0.0:9229\""),
        ("odd_socket_mode", "socket-mode = \"888\""),
        ("half_a_certificate", "tls-cert = \"c\""),
        ("store", "store = \"postgres://u:p@db/device\""),
        ("open_text", "region = \"eu"),
        ("table", "[serve]\ndev = true"),
        ("byte_order_mark", "\u{feff}dev = true"),
        ("nul", "region = \"a\0b\""),
    ] {
        put(name, line);
    }
    seeds.push(Seed::new("settings_files", "not_utf8", b"region = \"\xff\"".as_slice()));
}
