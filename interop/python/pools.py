"""Test pools, their users, and a user's authenticator app and device."""

import time
from dataclasses import dataclass
from itertools import count

import pyotp
import pytest
from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import SoftwareTokenMFAChallengeException

PASSWORD = "Correct-horse-7-battery!"
FLOWS = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

ALWAYS = {"DeviceOnlyRememberedOnUserPrompt": False}
OPT_IN = {"DeviceOnlyRememberedOnUserPrompt": True}
REPLACES_MFA = {"ChallengeRequiredOnNewDevice": True}

_numbers = count(1)


@dataclass
class Pool:
    admin: object
    public: object
    id: str
    client_id: str

    @classmethod
    def create(cls, admin, public, devices=None, mfa="OPTIONAL"):
        """Makes a pool with the DeviceConfiguration `devices`, `{}` for none. By default opt-in devices replace MFA."""
        devices = {**OPT_IN, **REPLACES_MFA} if devices is None else devices
        settings = {"DeviceConfiguration": devices} if devices else {}
        pool_id = admin.create_user_pool(PoolName="interop", **settings)["UserPool"]["Id"]
        if mfa != "OFF":
            admin.set_user_pool_mfa_config(
                UserPoolId=pool_id,
                SoftwareTokenMfaConfiguration={"Enabled": True},
                MfaConfiguration=mfa,
            )
        pool = cls(admin, public, pool_id, client_id="")
        pool.client_id = pool.add_client()["ClientId"]
        return pool

    def add_client(self, **settings):
        client = self.admin.create_user_pool_client(
            UserPoolId=self.id, ClientName="app", ExplicitAuthFlows=FLOWS, **settings
        )
        return client["UserPoolClient"]

    def add_user(self):
        """Makes a user with a password and no second factor."""
        user = User(self, f"user-{next(_numbers)}")
        self.admin.admin_create_user(UserPoolId=self.id, Username=user.name, MessageAction="SUPPRESS")
        self.admin.admin_set_user_password(
            UserPoolId=self.id, Username=user.name, Password=PASSWORD, Permanent=True
        )
        return user

    def add_user_with_mfa(self):
        user = self.add_user()
        user.enrol(user.sign_in()["AuthenticationResult"]["AccessToken"])
        return user


@dataclass
class Device:
    """The data that a client stores of a device that it confirmed."""

    key: str
    group_key: str
    password: str

    def as_options(self):
        return {"device_key": self.key, "device_group_key": self.group_key, "device_password": self.password}


@dataclass
class User:
    pool: Pool
    name: str
    password: str = PASSWORD
    authenticator: "Authenticator | None" = None

    def srp(self, device=None, **options):
        """pycognito's client, ready to sign this user in."""
        known = device.as_options() if device else {}
        options = {"client_id": self.pool.client_id, "client": self.pool.public} | known | options
        return AWSSRP(self.name, self.password, self.pool.id, **options)

    def sign_in(self, device=None):
        """Signs in without being asked for a code."""
        return self.srp(device).authenticate_user()

    def is_asked_for_a_code(self, device=None):
        """Signs in up to the challenge for the second factor, and returns that challenge."""
        with pytest.raises(SoftwareTokenMFAChallengeException) as asked:
            self.sign_in(device)
        return asked.value.get_tokens()

    def sign_in_with_code(self, device=None):
        challenge = self.is_asked_for_a_code(device)
        presented = {"DEVICE_KEY": device.key} if device else {}
        return self.answer_code(challenge["Session"], self.authenticator.code(), **presented)

    def answer_code(self, session, code, **answers):
        return self.pool.public.respond_to_auth_challenge(
            ClientId=self.pool.client_id,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=session,
            ChallengeResponses={"USERNAME": self.name, "SOFTWARE_TOKEN_MFA_CODE": code, **answers},
        )

    def enrol(self, access_token):
        """Sets up a software token, which replaces an earlier one."""
        public = self.pool.public
        self.authenticator = Authenticator(public.associate_software_token(AccessToken=access_token)["SecretCode"])
        verified = public.verify_software_token(AccessToken=access_token, UserCode=self.authenticator.code())
        assert verified["Status"] == "SUCCESS"
        public.set_user_mfa_preference(
            AccessToken=access_token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
        )

    def confirm_device(self, tokens, name="laptop"):
        """Confirms the device that `tokens` announce. Returns it, and whether the user must be asked about it."""
        response, password = self.srp().confirm_device(tokens, name)
        assert response.status_code == 200, response.text
        metadata = tokens["AuthenticationResult"]["NewDeviceMetadata"]
        device = Device(metadata["DeviceKey"], metadata["DeviceGroupKey"], password)
        return device, response.json()["UserConfirmationNecessary"]

    def remember(self, tokens, device):
        said = self.srp().update_device_status(True, tokens["AuthenticationResult"]["AccessToken"], device.key)
        assert said.startswith("<Response [200]>"), said

    def refresh(self, tokens, device=None):
        presented = {"DEVICE_KEY": device.key} if device else {}
        return self.pool.public.initiate_auth(
            ClientId=self.pool.client_id,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": tokens["AuthenticationResult"]["RefreshToken"], **presented},
        )


class Authenticator:
    """An authenticator app that gives two codes without waiting.

    A code is valid once. The server also accepts the codes of the time steps before and after, so the second
    code is that of the next step. A third would be too far ahead: enrol again instead.
    """

    def __init__(self, secret):
        self._totp = pyotp.TOTP(secret)
        self._used = 0

    def code(self):
        now = int(time.time()) // self._totp.interval
        step = max(now, self._used + 1)
        assert step <= now + 1, "no code is left to use without waiting"
        self._used = step
        return self._totp.generate_otp(step)
