//! `device serve` with outside services: a mail server, a web hook for messages, and a hook.
//!
//! The hook decides custom challenges. Each service is a listener of the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use crate::process::{Serving, command};

/// Starts a mail server. Returns its address and a receiver of the mails, each as its lines.
fn mail_server() -> (String, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (arrived, mails) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            stream.get_mut().write_all(b"220 mail.test\r\n").unwrap();
            let mut mail: Option<Vec<String>> = None;
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                let text = line.trim_end().to_owned();
                line.clear();
                let reply = match (&mut mail, text.as_str()) {
                    (Some(_), ".") => {
                        // This fails after the end of the test, which reads no more mails.
                        let _ = arrived.send(mail.take().unwrap_or_default());
                        "250 taken\r\n"
                    }
                    (Some(lines), _) => {
                        lines.push(text);
                        continue;
                    }
                    (None, "DATA") => {
                        mail = Some(Vec::new());
                        "354 go on\r\n"
                    }
                    (None, _) => "250 mail.test\r\n",
                };
                if stream.get_mut().write_all(reply.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (address, mails)
}

/// Starts a web hook. `decide` returns the status and the JSON that answer a JSON body. Returns its
/// URL.
fn web_hook(mut decide: impl FnMut(Value) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let (status, answer) = decide(serde_json::from_slice(&body).unwrap());
            let answer = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} so\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            let _ = stream.get_mut().write_all((head + &answer).as_bytes());
        }
    });
    url
}

/// Starts a server with these additional arguments.
fn serve(arguments: &[&str]) -> Serving {
    let mut command = command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]);
    command.args(arguments);
    Serving::start(command)
}

/// Creates a pool that verifies e-mail addresses, and an app client.
fn pool(serving: &Serving) -> (Value, Value) {
    let pool = json!({ "PoolName": "people", "AutoVerifiedAttributes": ["email"] });
    let pool = serving.ok("CreateUserPool", &pool)["UserPool"]["Id"].clone();
    let flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH"];
    let client = json!({ "UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": flows });
    let client = serving.ok("CreateUserPoolClient", &client)["UserPoolClient"]["ClientId"].clone();
    (pool, client)
}

fn sign_up(client: &Value) -> Value {
    json!({
        "ClientId": client, "Username": "ada", "Password": "Correct-Horse-7",
        "UserAttributes": [
            { "Name": "email", "Value": "ada@example.com" },
                { "Name": "phone_number", "Value": "+15550100" },
        ],
    })
}

fn access_token(answer: &Value) -> &str {
    answer["AuthenticationResult"]["AccessToken"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_user_confirms_by_mail_and_signs_in_by_text_message() {
    let (mail_address, mails) = mail_server();
    let (posted, messages) = channel();
    let hook = web_hook(move |message| {
        let _ = posted.send(message);
        (204, Value::Null)
    });
    let smtp = format!("smtp://{mail_address}");
    let serving = serve(&[
        "--smtp-url",
        &smtp,
        "--smtp-from",
        "Example <no-reply@example.com>",
        "--message-webhook",
        &hook,
    ]);
    let (pool, client) = pool(&serving);
    let mfa = json!({
        "UserPoolId": pool, "MfaConfiguration": "ON",
        "SmsMfaConfiguration": {
            "SmsConfiguration": { "SnsCallerArn": "arn:aws:iam::000000000000:role/messages" },
        },
    });
    serving.ok("SetUserPoolMfaConfig", &mfa);

    let signed_up = serving.ok("SignUp", &sign_up(&client));
    assert_eq!(signed_up["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
    let mail = mails.recv().unwrap();
    assert!(mail.contains(&"To: ada@example.com".to_owned()), "{mail:?}");
    let code =
        mail.iter().find_map(|line| line.strip_prefix("Your confirmation code is ")).unwrap();
    let confirm = json!({ "ClientId": client, "Username": "ada", "ConfirmationCode": code });
    serving.ok("ConfirmSignUp", &confirm);

    let parameters = json!({ "USERNAME": "ada", "PASSWORD": "Correct-Horse-7" });
    let start = json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
        "AuthParameters": parameters });
    let asked = serving.ok("InitiateAuth", &start);
    assert_eq!(asked["ChallengeName"], "SMS_MFA", "{asked}");
    let message = messages.recv().unwrap();
    assert_eq!(
        (&message["medium"], &message["destination"], &message["topic"]),
        (&json!("SMS"), &json!("+15550100"), &json!("SignIn"))
    );
    let respond = json!({
        "ClientId": client, "ChallengeName": "SMS_MFA", "Session": asked["Session"],
        "ChallengeResponses": { "USERNAME": "ada", "SMS_MFA_CODE": message["code"] },
    });
    access_token(&serving.ok("RespondToAuthChallenge", &respond));
}

#[test]
fn a_hook_asks_a_riddle_and_judges_the_answer() {
    let hook = web_hook(|mut event| {
        let solved = event["request"]["session"].as_array().is_some_and(|steps| !steps.is_empty());
        event["response"] = match event["triggerSource"].as_str().unwrap() {
            "DefineAuthChallenge_Authentication" if solved => json!({ "issueTokens": true }),
            "DefineAuthChallenge_Authentication" => json!({ "challengeName": "CUSTOM_CHALLENGE" }),
            "CreateAuthChallenge_Authentication" => json!({
                "publicChallengeParameters": { "question": "What has keys and opens no door?" },
                "privateChallengeParameters": { "answer": "a piano" },
            }),
            _ => {
                let request = &event["request"];
                let right =
                    request["privateChallengeParameters"]["answer"] == request["challengeAnswer"];
                if !right {
                    return (403, json!({ "errorMessage": "not even close" }));
                }
                json!({ "answerCorrect": right })
            }
        };
        (200, event)
    });
    let serving = serve(&["--hook-url", &hook]);
    let (pool, client) = pool(&serving);
    serving.ok("SignUp", &sign_up(&client));
    serving.ok("AdminConfirmSignUp", &json!({ "UserPoolId": pool, "Username": "ada" }));

    let start = json!({
        "AuthFlow": "CUSTOM_AUTH", "ClientId": client, "AuthParameters": { "USERNAME": "ada" },
    });
    let respond = |answer: &str| {
        let asked = serving.ok("InitiateAuth", &start);
        assert_eq!(
            asked["ChallengeParameters"]["question"], "What has keys and opens no door?",
            "{asked}"
        );
        json!({
            "ClientId": client, "ChallengeName": "CUSTOM_CHALLENGE", "Session": asked["Session"],
            "ChallengeResponses": { "USERNAME": "ada", "ANSWER": answer },
        })
    };
    let guess = respond("a map");
    let (status, refused) = serving.call("RespondToAuthChallenge", &guess);
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("UserLambdaValidationException")),
        "{refused}"
    );
    assert!(refused["message"].as_str().unwrap().contains("not even close"), "{refused}");
    let (status, refused) = serving.call("RespondToAuthChallenge", &guess);
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("NotAuthorizedException")),
        "one guess a question: {refused}"
    );
    access_token(&serving.ok("RespondToAuthChallenge", &respond("a piano")));
}

#[cfg(unix)]
#[test]
fn a_message_under_way_arrives_before_the_end() {
    let (posted, messages) = channel();
    let (let_go, held) = channel::<()>();
    let hook = web_hook(move |message| {
        let _ = posted.send(message);
        let _ = held.recv();
        (204, Value::Null)
    });
    let mut serving = serve(&["--message-webhook", &hook]);
    let (_, client) = pool(&serving);
    serving.ok("SignUp", &sign_up(&client));
    assert_eq!(messages.recv().unwrap()["topic"], "SignUp");

    serving.signal("TERM");
    let mut log = serving.log().lines();
    assert!(log.any(|line| line.unwrap().contains("SIGTERM")));
    let_go.send(()).unwrap();
    let rest: Vec<String> = log.map(Result::unwrap).collect();
    assert!(rest.last().is_some_and(|line| line.contains("stopped")), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("not delivered")), "{rest:?}");
    assert_eq!(serving.process.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(unix)]
fn in_dev_mode_a_code_without_a_way_out_is_not_lost() {
    let serving = serve(&[]);
    let (pool, client) = pool(&serving);
    serving.ok("SignUp", &sign_up(&client));
    let (status, _) = serving.get(&format!("/dev/messages/{}/ada", pool.as_str().unwrap()));
    assert_eq!(status, 200, "{}", serving.greeting);
    let (_, log) = serving.end("TERM");
    assert!(!log.contains("ERROR"), "{log}");
}
