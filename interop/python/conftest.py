"""Shared fixtures: clients of the running server, and the redirection of the vendor's address to it."""

import os
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config

from pools import Pool

REGION = os.environ["AWS_DEFAULT_REGION"]
VENDOR = f"https://cognito-idp.{REGION}.amazonaws.com"


def connect(endpoint, **options):
    """A botocore client of the server that reports every failure at once instead of retrying."""
    config = Config(retries={"total_max_attempts": 1}).merge(options.pop("config", Config()))
    return boto3.client("cognito-idp", endpoint_url=endpoint, config=config, **options)


@pytest.fixture(scope="session")
def endpoint():
    return os.environ["DEVICE_ENDPOINT"]


@pytest.fixture(scope="session")
def admin(endpoint):
    """A client of an administrator, which signs with the credentials of the environment."""
    return connect(endpoint)


@pytest.fixture(scope="session")
def public(endpoint):
    """A client of an app, which has no credentials and signs nothing."""
    return connect(endpoint, config=Config(signature_version=UNSIGNED))


@pytest.fixture(scope="session")
def make_pool(admin, public):
    """A function that makes pools with the settings of a test."""
    return lambda **settings: Pool.create(admin, public, **settings)


@pytest.fixture(scope="session")
def pool(make_pool):
    """A pool with opt-in devices that stand in for a software token. It is shared, so each test makes its own users."""
    return make_pool()


@pytest.fixture(autouse=True)
def vendor_leads_here(monkeypatch, endpoint):
    """Sends pycognito's device calls to the server under test, since pycognito has the vendor's address built in."""
    send = requests.adapters.HTTPAdapter.send

    def lead(adapter, request, **options):
        if request.url.startswith(VENDOR):
            request.url = endpoint + request.url.removeprefix(VENDOR)
        assert urlsplit(request.url).netloc == urlsplit(endpoint).netloc, "nothing leaves this machine"
        return send(adapter, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lead)
