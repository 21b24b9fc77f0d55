"""The life of a device, with pycognito and boto3."""

import dataclasses

import pytest
from pycognito import Cognito

from pools import ALWAYS, OPT_IN, REPLACES_MFA


def access_token(tokens):
    return tokens["AuthenticationResult"]["AccessToken"]


def attributes(device):
    return {attribute["Name"]: attribute["Value"] for attribute in device["DeviceAttributes"]}


@pytest.fixture
def user(pool):
    return pool.add_user_with_mfa()


@pytest.fixture
def remembered(user):
    """A device that was remembered at a sign-in with a code, and the tokens of that sign-in."""
    tokens = user.sign_in_with_code()
    device, _ = user.confirm_device(tokens)
    user.remember(tokens, device)
    return device, tokens


def test_the_whole_life(user, public):
    # The machine is unknown, so the code is asked for and the tokens announce a device key.
    first = user.sign_in_with_code()
    device, must_ask = user.confirm_device(first, "laptop")
    assert must_ask, "the user of an opt-in pool is to be asked"

    # A device that is tracked but not remembered is not listed for its user, and does not replace a code.
    assert public.list_devices(AccessToken=access_token(first))["Devices"] == []
    with pytest.raises(public.exceptions.ResourceNotFoundException, match="Device does not exist."):
        public.get_device(AccessToken=access_token(first), DeviceKey=device.key)
    user.is_asked_for_a_code(device)

    # Once the device is remembered, its proof is enough.
    user.remember(first, device)
    second = user.sign_in(device)
    assert "NewDeviceMetadata" not in second["AuthenticationResult"]

    [listed] = public.list_devices(AccessToken=access_token(second))["Devices"]
    fetched = public.get_device(AccessToken=access_token(second), DeviceKey=device.key)["Device"]
    assert fetched == listed
    assert listed["DeviceKey"] == device.key
    assert attributes(listed) == {
        "device_status": "valid",
        "device_name": "laptop",
        "last_ip_used": "127.0.0.1",
    }
    assert listed["DeviceCreateDate"] <= listed["DeviceLastModifiedDate"]
    assert listed["DeviceLastAuthenticatedDate"].microsecond == 0

    refreshed = user.refresh(second, device)
    assert "RefreshToken" not in refreshed["AuthenticationResult"]

    # A forgotten device is gone with its refresh tokens, and the code is asked for again.
    said = user.srp().forget_device(access_token(refreshed), device.key)
    assert said.startswith("<Response [200]>"), said
    assert public.list_devices(AccessToken=access_token(refreshed))["Devices"] == []
    for tokens in (first, second):
        with pytest.raises(public.exceptions.NotAuthorizedException, match="Invalid Refresh Token."):
            user.refresh(tokens, device)
    with pytest.raises(public.exceptions.ResourceNotFoundException, match="Device does not exist."):
        user.sign_in(device)
    user.enrol(access_token(refreshed))
    again = user.sign_in_with_code()
    assert again["AuthenticationResult"]["NewDeviceMetadata"]["DeviceKey"] != device.key


def test_a_device_with_the_wrong_secret_signs_nobody_in(user, remembered, public):
    device, _ = remembered
    thief = dataclasses.replace(device, password=device.password[::-1])
    with pytest.raises(public.exceptions.NotAuthorizedException, match="Incorrect username or password."):
        user.sign_in(thief)
    assert "AuthenticationResult" in user.sign_in(device), "and the device itself still does"


def test_a_remembered_device_is_of_no_use_without_the_password(user, remembered, public):
    device, _ = remembered
    user.password = "Wrong-horse-7-battery!"
    with pytest.raises(public.exceptions.NotAuthorizedException, match="Incorrect username or password."):
        user.sign_in(device)


def test_a_remembered_device_is_of_no_use_to_another_user(pool, remembered, public):
    device, _ = remembered
    with pytest.raises(public.exceptions.ResourceNotFoundException, match="Device does not exist."):
        pool.add_user_with_mfa().sign_in(device)


def test_refresh_takes_the_device_key(user, remembered, public):
    device, tokens = remembered
    for presented in (None, dataclasses.replace(device, key=device.key[:-1] + "z")):
        with pytest.raises(public.exceptions.NotAuthorizedException, match="Invalid Refresh Token."):
            user.refresh(tokens, presented)
    newer = public.get_tokens_from_refresh_token(
        RefreshToken=tokens["AuthenticationResult"]["RefreshToken"],
        ClientId=user.pool.client_id,
        DeviceKey=device.key,
    )
    assert public.get_user(AccessToken=access_token(newer))["Username"] == user.name


def test_a_device_is_confirmed_once(user, public):
    tokens = user.sign_in_with_code()
    user.confirm_device(tokens)
    response, _ = user.srp().confirm_device(tokens, "again")
    assert response.status_code == 400
    assert response.json()["__type"] == "DeviceKeyExistsException"
    assert response.headers["x-amzn-errortype"] == "DeviceKeyExistsException:"


def test_a_device_can_be_unremembered(user, remembered, public):
    device, tokens = remembered
    public.update_device_status(
        AccessToken=access_token(tokens), DeviceKey=device.key, DeviceRememberedStatus="not_remembered"
    )
    assert public.list_devices(AccessToken=access_token(tokens))["Devices"] == []
    user.is_asked_for_a_code(device)


def test_devices_come_in_pages(pool, public):
    user = pool.add_user()
    keys = set()
    for number in range(5):
        tokens = user.sign_in()
        device, _ = user.confirm_device(tokens, f"device {number}")
        user.remember(tokens, device)
        keys.add(device.key)

    pages, following = [], {}
    while not pages or following:
        page = public.list_devices(AccessToken=access_token(tokens), Limit=2, **following)
        pages.append([device["DeviceKey"] for device in page["Devices"]])
        following = {"PaginationToken": page["PaginationToken"]} if "PaginationToken" in page else {}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {key for page in pages for key in page} == keys


def test_always_remembers_at_once(make_pool):
    user = make_pool(devices={**ALWAYS, **REPLACES_MFA}).add_user_with_mfa()
    device, must_ask = user.confirm_device(user.sign_in_with_code())
    assert not must_ask
    assert "AuthenticationResult" in user.sign_in(device)


def test_without_suppression_the_code_comes_first_and_the_device_after(make_pool, public):
    user = make_pool(devices=OPT_IN).add_user()
    tokens = user.sign_in()
    device, _ = user.confirm_device(tokens)
    user.remember(tokens, device)
    user.enrol(access_token(tokens))
    # pycognito stops at the code and cannot continue from there, so the test takes the device's steps itself.
    challenge = user.sign_in_with_code(device)
    assert challenge["ChallengeName"] == "DEVICE_SRP_AUTH"
    srp = user.srp(device)
    asked = public.respond_to_auth_challenge(
        ClientId=user.pool.client_id,
        ChallengeName="DEVICE_SRP_AUTH",
        ChallengeResponses={
            "USERNAME": user.name,
            "DEVICE_KEY": device.key,
            "SRP_A": f"{srp.large_a_value:x}",
        },
    )
    done = public.respond_to_auth_challenge(
        ClientId=user.pool.client_id,
        ChallengeName="DEVICE_PASSWORD_VERIFIER",
        ChallengeResponses=srp.process_device_challenge(asked["ChallengeParameters"]),
    )
    assert "AuthenticationResult" in done


def test_a_pool_without_devices_announces_none(make_pool):
    user = make_pool(devices={}).add_user()
    tokens = user.sign_in()
    assert "NewDeviceMetadata" not in tokens["AuthenticationResult"]
    assert "AuthenticationResult" in user.refresh(tokens)


def test_administrators_see_and_rule_the_devices(user, remembered, admin):
    device, tokens = remembered
    of_user = {"UserPoolId": user.pool.id, "Username": user.name}
    of_device = {**of_user, "DeviceKey": device.key}

    [listed] = admin.admin_list_devices(**of_user)["Devices"]
    assert admin.admin_get_device(**of_device)["Device"] == listed
    seen = attributes(listed)
    assert seen["dev:device_remembered_status"] == "remembered"
    assert seen["dev:device_owner"] == user.name

    admin.admin_update_device_status(**of_device, DeviceRememberedStatus="not_remembered")
    [listed] = admin.admin_list_devices(**of_user)["Devices"]
    assert attributes(listed)["dev:device_remembered_status"] == "not_remembered"
    user.is_asked_for_a_code(device)

    admin.admin_forget_device(**of_device)
    assert admin.admin_list_devices(**of_user)["Devices"] == []
    with pytest.raises(admin.exceptions.ResourceNotFoundException, match="Device does not exist."):
        admin.admin_get_device(**of_device)
    with pytest.raises(admin.exceptions.NotAuthorizedException, match="Invalid Refresh Token."):
        user.refresh(tokens, device)


def test_pycognito_s_own_session(user, endpoint):
    """The class that applications use: it verifies every token that it is given."""
    app = Cognito(
        user.pool.id,
        user.pool.client_id,
        username=user.name,
        boto3_client_kwargs={"endpoint_url": endpoint},
    )
    with pytest.raises(Exception, match="Do Software Token MFA"):
        app.authenticate(user.password)
    app.respond_to_software_token_mfa_challenge(user.authenticator.code())
    assert app.access_claims["username"] == user.name
    assert app.id_claims["cognito:username"] == user.name
    assert app.get_user().username == user.name
    app.verify_tokens()
    app.logout()
    assert app.access_token is None
