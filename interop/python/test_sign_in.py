"""Signing in without devices: flows, challenges, and the resulting tokens."""

import jwt
import pytest
import requests
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException

from pools import PASSWORD, Authenticator


def password_auth(user, **parameters):
    return user.pool.public.initiate_auth(
        ClientId=user.pool.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user.name, "PASSWORD": user.password, **parameters},
    )


def test_password_auth(pool):
    result = password_auth(pool.add_user())["AuthenticationResult"]
    assert result["TokenType"] == "Bearer"
    assert result["ExpiresIn"] == 3600


@pytest.mark.parametrize("sign_in", [password_auth, lambda user: user.sign_in()], ids=["plain", "srp"])
def test_a_wrong_password_is_refused(pool, public, sign_in):
    user = pool.add_user()
    user.password = "Wrong-horse-7-battery!"
    with pytest.raises(public.exceptions.NotAuthorizedException, match="Incorrect username or password."):
        sign_in(user)


def test_a_code_is_good_once(pool, public):
    user = pool.add_user_with_mfa()
    code = user.authenticator.code()
    user.answer_code(user.is_asked_for_a_code()["Session"], code)
    challenge = user.is_asked_for_a_code()
    with pytest.raises(public.exceptions.ExpiredCodeException, match="already been used once"):
        user.answer_code(challenge["Session"], code)


def test_a_wrong_code_leaves_the_session_usable(pool, public):
    user = pool.add_user_with_mfa()
    session = user.is_asked_for_a_code()["Session"]
    right = user.authenticator.code()
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    with pytest.raises(public.exceptions.CodeMismatchException, match="Invalid code received for user"):
        user.answer_code(session, wrong)
    assert "AuthenticationResult" in user.answer_code(session, right)
    with pytest.raises(public.exceptions.NotAuthorizedException, match="session can only be used once"):
        user.answer_code(session, right)


def test_a_temporary_password_is_replaced(pool, admin):
    user = pool.add_user()
    admin.admin_set_user_password(
        UserPoolId=pool.id, Username=user.name, Password="For-one-day-1!", Permanent=False
    )
    user.password = "For-one-day-1!"
    with pytest.raises(ForceChangePasswordException):
        user.sign_in()
    tokens = user.srp().set_new_password_challenge("A-better-one-2!")
    assert "AuthenticationResult" in tokens
    user.password = "A-better-one-2!"
    assert "AuthenticationResult" in user.sign_in()
    assert admin.admin_get_user(UserPoolId=pool.id, Username=user.name)["UserStatus"] == "CONFIRMED"


def test_a_second_factor_is_set_up_where_the_pool_demands_one(make_pool, public):
    user = make_pool(mfa="ON").add_user()
    challenge = user.sign_in()
    assert challenge["ChallengeName"] == "MFA_SETUP"
    assert challenge["ChallengeParameters"]["MFAS_CAN_SETUP"] == '["SOFTWARE_TOKEN_MFA"]'
    shown = public.associate_software_token(Session=challenge["Session"])
    user.authenticator = Authenticator(shown["SecretCode"])
    verified = public.verify_software_token(
        Session=shown["Session"], UserCode=user.authenticator.code(), FriendlyDeviceName="phone"
    )
    done = public.respond_to_auth_challenge(
        ClientId=user.pool.client_id,
        ChallengeName="MFA_SETUP",
        Session=verified["Session"],
        ChallengeResponses={"USERNAME": user.name},
    )
    assert "AuthenticationResult" in done
    assert user.is_asked_for_a_code()["ChallengeParameters"]["FRIENDLY_DEVICE_NAME"] == "phone"


def test_a_client_with_a_secret(make_pool, public, endpoint):
    pool = make_pool(devices={})
    client = pool.add_client(GenerateSecret=True)
    user = pool.add_user()
    app = Cognito(
        pool.id,
        client["ClientId"],
        username=user.name,
        client_secret=client["ClientSecret"],
        boto3_client_kwargs={"endpoint_url": endpoint},
    )
    app.authenticate(PASSWORD)
    app.renew_access_token()
    assert app.get_user().username == user.name

    client_id = {"client_id": client["ClientId"]}
    with pytest.raises(public.exceptions.NotAuthorizedException, match="SECRET_HASH was not received"):
        user.srp(**client_id).authenticate_user()
    with pytest.raises(public.exceptions.NotAuthorizedException, match="Unable to verify secret hash"):
        user.srp(**client_id, client_secret="another").authenticate_user()


def test_signing_out_everywhere_ends_every_token(make_pool, public):
    user = make_pool(devices={}).add_user()
    tokens = user.sign_in()
    access_token = tokens["AuthenticationResult"]["AccessToken"]
    public.global_sign_out(AccessToken=access_token)
    with pytest.raises(public.exceptions.NotAuthorizedException, match="Access Token has been revoked"):
        public.get_user(AccessToken=access_token)
    with pytest.raises(public.exceptions.NotAuthorizedException, match="Refresh Token has been revoked"):
        user.refresh(tokens)


def test_a_revoked_token_is_dead_and_the_other_sign_in_is_not(make_pool, public):
    user = make_pool(devices={}).add_user()
    lost, kept = user.sign_in(), user.sign_in()
    public.revoke_token(ClientId=user.pool.client_id, Token=lost["AuthenticationResult"]["RefreshToken"])
    with pytest.raises(public.exceptions.NotAuthorizedException):
        user.refresh(lost)
    assert "AuthenticationResult" in user.refresh(kept)


class TestTokens:
    """Tokens, verified by PyJWT from the issuer alone."""

    @pytest.fixture
    def issuer(self, pool, endpoint):
        return f"{endpoint}/{pool.id}"

    @pytest.fixture
    def verify(self, issuer):
        configuration = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=5).json()
        assert configuration["issuer"] == issuer
        keys = jwt.PyJWKClient(configuration["jwks_uri"])

        def verify(token, **options):
            key = keys.get_signing_key_from_jwt(token)
            return jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, **options)

        return verify

    def test_access_token(self, pool, verify):
        user = pool.add_user()
        result = user.sign_in()["AuthenticationResult"]
        claims = verify(result["AccessToken"])
        assert claims["token_use"] == "access"
        assert claims["client_id"] == pool.client_id
        assert claims["username"] == user.name
        assert claims["device_key"] == result["NewDeviceMetadata"]["DeviceKey"]
        assert claims["scope"] == "aws.cognito.signin.user.admin"
        assert claims["exp"] - claims["iat"] == result["ExpiresIn"]
        assert "aud" not in claims

    def test_id_token(self, pool, verify):
        user = pool.add_user()
        result = user.sign_in()["AuthenticationResult"]
        claims = verify(result["IdToken"], audience=pool.client_id)
        assert claims["token_use"] == "id"
        assert claims["cognito:username"] == user.name
        access = verify(result["AccessToken"])
        assert [claims[name] for name in ("sub", "origin_jti", "auth_time")] == [
            access[name] for name in ("sub", "origin_jti", "auth_time")
        ]

    def test_the_two_kinds_are_signed_with_different_keys(self, pool):
        result = pool.add_user().sign_in()["AuthenticationResult"]
        kids = {jwt.get_unverified_header(result[kind])["kid"] for kind in ("AccessToken", "IdToken")}
        assert len(kids) == 2

    def test_an_altered_token_is_refused(self, pool, public, verify):
        token = pool.add_user().sign_in()["AuthenticationResult"]["AccessToken"]
        head, body, signature = token.split(".")
        altered = ".".join([head, body, ("B" if signature[0] == "A" else "A") + signature[1:]])
        with pytest.raises(jwt.InvalidSignatureError):
            verify(altered)
        with pytest.raises(public.exceptions.NotAuthorizedException, match="Invalid Access Token"):
            public.get_user(AccessToken=altered)
