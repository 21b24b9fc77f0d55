#!/usr/bin/env python3
"""Writes the transcripts beside it: Cognito's SRP-6a with Python's integers, without this project's code.

The service's answers are legal but unusual. B is an arbitrary number: a client cannot tell it from a genuine B.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import time

N = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b"
    "302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6"
    "49286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d"
    "670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718"
    "3995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7d"
    "b3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c"
    "bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff",
    16,
)
G = 2
POOL, CLIENT, USER, ALIAS = "eu-west-1_Ab12Cd34E", "4example5client6id7", "ada", "Ada@Example.com"
PASSWORD, SECRET, GROUP, KEY = "Correct-Horse-7", "client secret", "-gRoUp1Ab", "eu-west-1_0a1b2c3d-0000-4000-8000-000000000001"
OTHER_KEY = "eu-west-1_0a1b2c3d-0000-4000-8000-000000000002"
NOW = 1762419907  # Thu Nov 6 09:05:07 UTC 2025: the day has one digit.


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def b64(data):
    return base64.b64encode(data).decode()


def pad(n):
    """The shortest big-endian two's complement of a non-negative number."""
    return n.to_bytes(n.bit_length() // 8 + 1, "big")


def number(data):
    return int.from_bytes(data, "big")


def stream(label, length):
    """Bytes that look random but are the same on every run."""
    return hashlib.shake_256(label.encode()).digest(length)


K = number(sha256(pad(N) + pad(G)))
assert f"{K:x}" == "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6"


def private(salt, id1, id2, password):
    return number(sha256(pad(salt) + sha256(f"{id1}{id2}:{password}".encode())))


def timestamp():
    moment = time.gmtime(NOW)
    names = ["Mon Tue Wed Thu Fri Sat Sun".split(), "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()]
    day, month = names[0][moment.tm_wday], names[1][moment.tm_mon - 1]
    return f"{day} {month} {moment.tm_mday} {moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02} UTC {moment.tm_year}"


class Proof:
    """One run of the exchange: the client's random numbers and requests, and the service's answers."""

    def __init__(self, label, id1, id2, password, top=None):
        self.ids, self.password = (id1, id2), password
        self.a = stream(label + " a", 32)
        self.A = pow(G, number(self.a), N)
        self.B = number(stream(label + " b", 384)) % N
        if top is not None:  # exactly this number of bits, for odd lengths of hexadecimal
            self.B = self.B % (1 << (top - 1)) | 1 << (top - 1)
        self.salt = number(stream(label + " salt", 16)) % (1 << 124) | 1 << 123  # 31 digits
        self.block = stream(label + " block", 61)

    def claim(self, block):
        u = number(sha256(pad(self.A) + pad(self.B)))
        x = private(self.salt, *self.ids, self.password)
        S = pow(self.B - K * pow(G, x, N), number(self.a) + u * x, N)
        key = mac(mac(pad(u), pad(S)), b"Caldera Derived Key\x01")[:16]
        message = "".join(self.ids).encode() + self.block + timestamp().encode()
        return {
            "PASSWORD_CLAIM_SECRET_BLOCK": block,
            "PASSWORD_CLAIM_SIGNATURE": b64(mac(key, message)),
            "TIMESTAMP": timestamp(),
        }


class Enrolment:
    """A new device, with the secret that the client draws."""

    def __init__(self, label, length):
        for attempt in range(100):
            password, salt = stream(f"{label} password {attempt}", 40), stream(f"{label} salt {attempt}", 16)
            self.password = b64(password)
            verifier = pad(pow(G, private(number(salt), GROUP, KEY, self.password), N))
            if len(verifier) == length:
                break
        assert len(verifier) == length
        self.random = [password.hex(), salt.hex()]
        self.config = {"PasswordVerifier": b64(verifier), "Salt": b64(pad(number(salt)))}


def token(device_key, username=USER):
    claims = json.dumps({"sub": "0-1", "username": username, "device_key": device_key, "exp": 1.7624e9, "more": [None]})
    return "eyJhbGciOiJSUzI1NiJ9." + base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=") + ".c2ln"


def record(key=KEY, status="remembered", password="a device's password", name=None):
    return {
        "user_pool_id": POOL, "client_id": CLIENT, "username": USER, "device_key": key, "group_key": GROUP,
        "password": password, "status": status, "name": name,
    }  # fmt: skip


def secret_hash(username):
    return b64(mac(SECRET.encode(), (username + CLIENT).encode()))


def initiate(flow, **parameters):
    return send("InitiateAuth", {"AuthFlow": flow, "ClientId": CLIENT, "AuthParameters": parameters})


def respond(challenge, session, **responses):
    body = {"ClientId": CLIENT, "ChallengeName": challenge, "ChallengeResponses": responses}
    if session is not None:
        body["Session"] = session
    return send("RespondToAuthChallenge", body)


def send(operation, body):
    return {"send": operation, "body": body}


def receive(body, status=200, error_type=None):
    """An answer with its exact text, so that even its numbers are written as the service writes them."""
    text = body if isinstance(body, str) else json.dumps(body)
    return {"receive": text, "status": status, "error_type": error_type}


def ask(challenge, answer):
    return {"ask": challenge, "answer": answer}


def write(name, about, **rest):
    here = pathlib.Path(__file__).parent
    document = {"about": about, "pool": POOL, "client": CLIENT, "now": NOW, **rest}
    (here / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def new_device():
    proof = Proof("new device", "Ab12Cd34E", USER, PASSWORD, top=3065)  # 767 digits
    device = Enrolment("new device", 385)
    claim, access = proof.claim(b64(proof.block)), token(KEY)
    write(
        "new-device",
        "Upper case, odd lengths and leading zeros of hexadecimal; nulls in maps and beside them; keys that nobody knows; no "
        "Session, then an empty one; a verifier of 385 bytes; no word on whether to ask.",
        credentials={"flow": "srp", "username": ALIAS, "password": PASSWORD},
        device_name="laptop",
        random=[proof.a.hex(), *device.random],
        steps=[
            initiate("USER_SRP_AUTH", USERNAME=ALIAS, SRP_A=f"{proof.A:x}"),
            receive({
                "ChallengeName": "PASSWORD_VERIFIER", "Session": None, "AuthenticationResult": None,
                "AvailableChallenges": None, "Newer": {"deep": [1, 2.5, None]},
                "ChallengeParameters": {
                    "SALT": f"{proof.salt:X}", "SRP_B": f"000{proof.B:X}", "SECRET_BLOCK": b64(proof.block),
                    "USERNAME": USER, "USER_ID_FOR_SRP": USER, "DEVICE_KEY": None, "X": None, "HINT": "",
                },
            }),
            respond("PASSWORD_VERIFIER", None, USERNAME=USER, **claim),
            receive({
                "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "",
                "ChallengeParameters": {"USER_ID_FOR_SRP": USER, "FRIENDLY_DEVICE_NAME": None, "Y": "z"},
            }),
            ask("SOFTWARE_TOKEN_MFA", "123456"),
            respond("SOFTWARE_TOKEN_MFA", None, USERNAME=USER, SOFTWARE_TOKEN_MFA_CODE="123456"),
            receive({
                "ChallengeName": None, "ChallengeParameters": {},
                "AuthenticationResult": {
                    "AccessToken": access, "IdToken": None, "RefreshToken": "opaque", "ExpiresIn": 3600, "TokenType": "Bearer",
                    "NewDeviceMetadata": {"DeviceKey": KEY, "DeviceGroupKey": GROUP, "Newer": True}, "Newest": 1e9,
                },
            }),
            send("ConfirmDevice", {
                "AccessToken": access, "DeviceKey": KEY, "DeviceName": "laptop", "DeviceSecretVerifierConfig": device.config,
            }),
            receive({"UserConfirmationNecessary": None, "Extra": []}),
        ],
        outcome={"username": USER, "device": "new", "record": record(password=device.password, name="laptop")},
    )  # fmt: skip


def remembered_device():
    user = Proof("remembered, user", "Ab12Cd34E", USER, PASSWORD)
    device = Proof("remembered, device", GROUP, KEY, "a device's password", top=3069)  # 768 digits, its top bit clear
    bare = b64(device.block).rstrip("=")
    common = {"USERNAME": USER, "DEVICE_KEY": KEY, "SECRET_HASH": secret_hash(USER)}
    write(
        "remembered-device",
        "An app client with a secret; no Session at any step; base64 without its padding, which goes back as it came; the device's "
        "challenge names no user; numbers where nothing reads them.",
        credentials={"flow": "srp", "username": ALIAS, "password": PASSWORD},
        client_secret=SECRET,
        record=record(status="not_remembered"),
        random=[user.a.hex(), device.a.hex()],
        steps=[
            initiate(
                "USER_SRP_AUTH",
                USERNAME=ALIAS, DEVICE_KEY=KEY, SECRET_HASH=secret_hash(ALIAS), SRP_A=f"{user.A:x}",
            ),
            receive({
                "ChallengeName": "PASSWORD_VERIFIER",
                "ChallengeParameters": {
                    "SALT": f"0{user.salt:x}", "SRP_B": f"{user.B:X}", "SECRET_BLOCK": b64(user.block),
                    "USERNAME": USER, "USER_ID_FOR_SRP": USER,
                },
                "Count": 7,
            }),
            respond("PASSWORD_VERIFIER", None, **common, **user.claim(b64(user.block))),
            receive({"ChallengeName": "DEVICE_SRP_AUTH", "ChallengeParameters": None, "Session": None}),
            respond("DEVICE_SRP_AUTH", None, **common, SRP_A=f"{device.A:x}"),
            receive({
                "ChallengeName": "DEVICE_PASSWORD_VERIFIER",
                "ChallengeParameters": {
                    "SALT": f"{device.salt:X}", "SRP_B": f"{device.B:x}", "SECRET_BLOCK": bare, "DEVICE_KEY": KEY,
                },
            }),
            respond("DEVICE_PASSWORD_VERIFIER", None, **common, **device.claim(bare)),
            receive({
                "AuthenticationResult": {
                    "AccessToken": token(KEY), "RefreshToken": None, "ExpiresIn": None, "NewDeviceMetadata": None,
                },
            }),
        ],
        outcome={"username": USER, "device": "known", "record": record()},
    )  # fmt: skip


def unknown_device():
    user = Proof("unknown device", "Ab12Cd34E", USER, PASSWORD)
    device = Enrolment("unknown device", 384)
    claim, access = user.claim(b64(user.block)), token(KEY)
    write(
        "unknown-device",
        "The device was forgotten elsewhere. The error's type has a namespace before it; the same answer goes again without the "
        "device. The new one has a verifier of 384 bytes, in a pool that asks its users.",
        credentials={"flow": "srp", "username": USER, "password": PASSWORD},
        record=record(key=OTHER_KEY),
        random=[user.a.hex(), *device.random],
        steps=[
            initiate("USER_SRP_AUTH", USERNAME=USER, DEVICE_KEY=OTHER_KEY, SRP_A=f"{user.A:x}"),
            receive({
                "ChallengeName": "PASSWORD_VERIFIER", "Session": "one",
                "ChallengeParameters": {
                    "SALT": f"{user.salt:x}", "SRP_B": f"{user.B:x}", "SECRET_BLOCK": b64(user.block), "USER_ID_FOR_SRP": USER,
                },
            }),
            respond("PASSWORD_VERIFIER", "one", USERNAME=USER, DEVICE_KEY=OTHER_KEY, **claim),
            receive(
                {"__type": "com.amazonaws.cognito#ResourceNotFoundException", "Message": "Device does not exist.", "Extra": None},
                status=400,
                error_type="ResourceNotFoundException:http://internal.amazon.com/coral/",
            ),
            {"discard": OTHER_KEY},
            respond("PASSWORD_VERIFIER", "one", USERNAME=USER, **claim),
            receive({
                "AuthenticationResult": {
                    "AccessToken": access, "ExpiresIn": 300, "NewDeviceMetadata": {"DeviceKey": KEY, "DeviceGroupKey": GROUP},
                },
            }),
            send("ConfirmDevice", {"AccessToken": access, "DeviceKey": KEY, "DeviceSecretVerifierConfig": device.config}),
            receive({"UserConfirmationNecessary": True}),
        ],
        outcome={"username": USER, "device": "new", "record": record(status="not_remembered", password=device.password)},
    )  # fmt: skip


def custom_device():
    device = Proof("custom", GROUP, KEY, "a device's password")
    write(
        "custom-device",
        "Custom authentication that ends in the device's own proof with no other before it; a question whose parameters are "
        "anything, a null among them.",
        credentials={"flow": "custom", "username": ALIAS},
        record=record(),
        random=[device.a.hex()],
        steps=[
            initiate("CUSTOM_AUTH", USERNAME=ALIAS, DEVICE_KEY=KEY),
            receive({
                "ChallengeName": "CUSTOM_CHALLENGE", "Session": "one",
                "ChallengeParameters": {"USERNAME": USER, "riddle": "2 + 2", "picture": None, "": "no name"},
            }),
            ask("CUSTOM_CHALLENGE", "4"),
            respond("CUSTOM_CHALLENGE", "one", USERNAME=USER, DEVICE_KEY=KEY, ANSWER="4"),
            receive({"ChallengeName": "DEVICE_SRP_AUTH", "ChallengeParameters": {"USERNAME": USER}, "Session": "two"}),
            respond("DEVICE_SRP_AUTH", "two", USERNAME=USER, DEVICE_KEY=KEY, SRP_A=f"{device.A:x}"),
            receive({
                "ChallengeName": "DEVICE_PASSWORD_VERIFIER", "Session": "three",
                "ChallengeParameters": {
                    "SALT": f"{device.salt:x}", "SRP_B": f"{device.B:x}", "SECRET_BLOCK": b64(device.block),
                    "USERNAME": USER, "DEVICE_KEY": KEY,
                },
            }),
            respond(
                "DEVICE_PASSWORD_VERIFIER", "three",
                USERNAME=USER, DEVICE_KEY=KEY, **device.claim(b64(device.block)),
            ),
            receive({"AuthenticationResult": {"AccessToken": token(KEY)}}),
        ],
        outcome={"username": USER, "device": "known", "record": record()},
    )  # fmt: skip


def selected_mfa():
    write(
        "selected-mfa",
        "A choice between second factors, one of them unknown; a code that was mistyped, in an error whose type only the header "
        "has; a token that is no JWT; a pool that tracks nothing.",
        credentials={"flow": "password", "username": USER, "password": PASSWORD},
        random=[],
        steps=[
            initiate("USER_PASSWORD_AUTH", USERNAME=USER, PASSWORD=PASSWORD),
            receive({
                "ChallengeName": "SELECT_MFA_TYPE", "Session": "one",
                "ChallengeParameters": {"MFAS_CAN_CHOOSE": '[ "SMS_MFA", "RETINA_SCAN" ]', "USER_ID_FOR_SRP": USER},
            }),
            ask("SELECT_MFA_TYPE", "SMS_MFA"),
            respond("SELECT_MFA_TYPE", "one", USERNAME=USER, ANSWER="SMS_MFA"),
            receive({
                "ChallengeName": "SMS_MFA", "Session": "two",
                "ChallengeParameters": {"CODE_DELIVERY_DESTINATION": None, "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS"},
            }),
            ask("SMS_MFA", "000000"),
            respond("SMS_MFA", "two", USERNAME=USER, SMS_MFA_CODE="000000"),
            receive({"message": None}, status=400, error_type="CodeMismatchException:"),
            ask("SMS_MFA", "123 456"),
            respond("SMS_MFA", "two", USERNAME=USER, SMS_MFA_CODE="123456"),
            receive({"AuthenticationResult": {"AccessToken": "opaque", "NewDeviceMetadata": {}}, "ChallengeParameters": {"Z": None}}),
        ],
        outcome={"username": USER, "device": "untracked"},
    )  # fmt: skip


def unknown_challenge():
    write(
        "unknown-challenge",
        "A challenge that is newer than the client: refused by its name.",
        credentials={"flow": "password", "username": USER, "password": PASSWORD},
        random=[],
        steps=[
            initiate("USER_PASSWORD_AUTH", USERNAME=USER, PASSWORD=PASSWORD),
            receive({"ChallengeName": "RETINA_SCAN", "ChallengeParameters": {"EYE": None}, "Session": "one"}),
        ],
        outcome={"error": "the service asks for RETINA_SCAN, which this client does not support: choose another factor or flow, or change what the pool asks of this user"},
    )


def list_devices():
    page = lambda **more: send("ListDevices", {"AccessToken": "access", "Limit": 60, **more})
    first = (
        '{"Devices":[{"DeviceKey":"eu_1","DeviceAttributes":[{"Name":"device_name","Value":"laptop"},{"Name":"odd","Value":null}],'
        '"DeviceCreateDate":1.762419907123E9,"DeviceLastModifiedDate":1762419907,"DeviceLastAuthenticatedDate":1762419907.0,'
        '"Newer":[]}],"PaginationToken":"next","Newest":null}'
    )
    second = '{"PaginationToken":"","Devices":[{"DeviceKey":"eu_2","DeviceAttributes":null,"DeviceCreateDate":null}]}'
    write(
        "list-devices",
        "Dates as floats, with exponents, as integers and null; an attribute without a value; an empty token for the end.",
        current="eu_2",
        steps=[page(), receive(first), page(PaginationToken="next"), receive(second)],
        devices=[
            {
                "key": "eu_1", "name": "laptop", "is_current": False, "created": 1762419907123,
                "last_modified": 1762419907000, "last_authenticated": 1762419907000,
            },
            {
                "key": "eu_2", "name": None, "is_current": True, "created": None, "last_modified": None,
                "last_authenticated": None,
            },
        ],
    )  # fmt: skip


if __name__ == "__main__":
    for transcript in [
        new_device, remembered_device, unknown_device, custom_device, selected_mfa, unknown_challenge, list_devices,
    ]:  # fmt: skip
        transcript()
