"""Lambda triggers: the functions of a pool, called at a Lambda endpoint that botocore's own signatures guard."""

import json
import os
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from conftest import REGION, connect

KEY = Credentials("AKIAFUNCTIONS", "a-secret-of-the-functions", "a-session-token")
SIGNED = ["content-type", "x-amz-date", "x-amz-invocation-type", "x-amz-security-token"]
LEGACY = "tiger"


def arn(name):
    return f"arn:aws:lambda:{REGION}:123456789012:function:{name}"


def user_migration(event):
    """Another directory, which knows Ada."""
    if event["userName"] != "ada":
        return event
    if event["request"].get("password", LEGACY) != LEGACY:
        raise ValueError("Bad password")
    event["response"]["userAttributes"] = {"email": "ada@example.com", "email_verified": "true"}
    event["response"]["finalUserStatus"] = "CONFIRMED"
    event["response"]["messageAction"] = "SUPPRESS"
    return event


def custom_message(event):
    event["response"]["emailSubject"] = "Hello"
    event["response"]["emailMessage"] = f"Dear {event['userName']}: {event['request']['codeParameter']}"
    return event


FUNCTIONS = {arn("migrate"): user_migration, arn("word"): custom_message}


class Endpoint(BaseHTTPRequestHandler):
    """Lambda's Invoke, as a local runtime has it, but for its signature, which is checked."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        request = AWSRequest("POST", f"http://{self.headers['host']}{self.path}", data=body)
        for name in SIGNED:
            request.headers[name] = self.headers[name]
        request.context["timestamp"] = self.headers["x-amz-date"]
        signer = SigV4Auth(KEY, "lambda", REGION)
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        if not self.headers["authorization"].endswith(f"Signature={signature}"):
            return self.answer(403, {}, {"x-amzn-errortype": "InvalidSignatureException"})
        name = re.fullmatch("/2015-03-31/functions/(.+)/invocations", self.path)[1]
        try:
            return self.answer(200, FUNCTIONS[unquote(name)](json.loads(body)))
        except ValueError as error:
            thrown = {"errorType": "ValueError", "errorMessage": str(error)}
            return self.answer(200, thrown, {"X-Amz-Function-Error": "Unhandled"})

    def answer(self, status, body, headers={}):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        body = json.dumps(body).encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def functions():
    """The address of the endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def server(functions, tmp_path_factory):
    """A server whose pools' functions run at the endpoint: its address, and its file of messages."""
    messages = tmp_path_factory.mktemp("triggers") / "messages"
    command = [os.environ["DEVICE_BINARY"], "serve", "--in-memory", "--dev", "--listen", "127.0.0.1:0"]
    command += ["--region", REGION, "--lambda-endpoint", functions, "--message-file", str(messages)]
    key = {
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
        "AWS_SESSION_TOKEN": KEY.token,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEVICE_")}
    process = subprocess.Popen(
        command, env=environment | key, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    for line in process.stdout:
        if line.startswith("listening on "):
            break
    else:
        pytest.fail("the server did not start")
    yield line.removeprefix("listening on ").strip(), messages
    process.kill()


@pytest.fixture(scope="module")
def endpoint(server):
    return server[0]


@pytest.fixture(scope="module")
def app(endpoint):
    """A pool with both functions: a client, and the id of the app."""
    client = connect(endpoint, config=Config(signature_version=UNSIGNED))
    pool = client.create_user_pool(
        PoolName="migrated",
        AutoVerifiedAttributes=["email"],
        LambdaConfig={"UserMigration": arn("migrate"), "CustomMessage": arn("word")},
    )["UserPool"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    app = client.create_user_pool_client(UserPoolId=pool["Id"], ClientName="app", ExplicitAuthFlows=flows)
    return client, app["UserPoolClient"]["ClientId"]


def sign_in(app, name, password):
    client, client_id = app
    parameters = {"USERNAME": name, "PASSWORD": password}
    return client.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)


def test_a_function_that_throws_refuses_a_migration(app):
    with pytest.raises(ClientError, match="UserMigration failed with error Bad password.") as refused:
        sign_in(app, "ada", "lion")
    assert refused.value.response["Error"]["Code"] == "UserLambdaValidationException"
    with pytest.raises(ClientError) as refused:
        sign_in(app, "bob", LEGACY)
    assert refused.value.response["Error"]["Code"] == "UserNotFoundException"


def test_a_user_is_migrated_and_gets_a_worded_code(app, server):
    client, client_id = app
    for _ in range(2):
        assert sign_in(app, "ada", LEGACY)["AuthenticationResult"]["AccessToken"]
    sent = client.forgot_password(ClientId=client_id, Username="ada")
    assert sent["CodeDeliveryDetails"]["Destination"] == "a***@e***"
    messages = server[1]
    for _ in range(500):
        if messages.exists() and messages.read_text().endswith("\n"):
            break
        threading.Event().wait(0.01)
    message = json.loads(messages.read_text())
    assert message["subject"] == "Hello"
    assert message["body"] == f"Dear ada: {message['code']}"
    client.confirm_forgot_password(
        ClientId=client_id, Username="ada", ConfirmationCode=message["code"], Password="Correct-horse-7-battery!"
    )
