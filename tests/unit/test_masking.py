"""Secrets: passwords and tokens are masked whatever letters they have, and nothing else is."""

import pytest

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue, unmasked
from nnrun.masking import masked, masked_values
from nnrun.tracking.errors import first_line
from nnrun.trials.provenance import command

SECRET = "s3cr3tZq7"

ADDRESSES = {
    f"http://{SECRET}@host:5000": "http://***@host:5000",
    f"http://a/{SECRET}@host": "http://***@host",
    f"https://me:{SECRET}@host/path": "https://me:***@host/path",
    f"http://:{SECRET}@host": "http://:***@host",
    f"http://me:a@{SECRET}@host": "http://me:***@host",
    f"http://me:a {SECRET}@host": "http://me:***@host",
    f"http://me:a/{SECRET}@host": "http://me:***@host",
    f"http://me:a:{SECRET}@host": "http://me:***@host",
    f"http://me:{SECRET}%40%2F@host": "http://me:***@host",
    f"postgresql+psycopg2://me:a@{SECRET}@host/db": "postgresql+psycopg2://me:***@host/db",
    f"http://host?password={SECRET}": "http://host?password=***",
    f"http://host/?a=b&token={SECRET}&c=d": "http://host/?a=b&token=***&c=d",
    f"http://host?access_key={SECRET} b&c=d": "http://host?access_key=***&c=d",
    f"postgresql://me@host/db?sslpassword={SECRET}": "postgresql://me@host/db?sslpassword=***",
    f"mssql+pyodbc:///?odbc_connect=PWD%3D{SECRET}": "mssql+pyodbc:///?odbc_connect=***",
    f"s3://key:{SECRET}@bucket/x": "s3://key:***@bucket/x",
    f"me:{SECRET}@host:5000": "me:***@host:5000",
}


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "written",
    ["{}", "tracking.uri={}", "tracking.uri='{}'", '+tracking={{name:mlflow,uri:"{}"}}'],
)
def test_what_is_secret_in_an_address_is_masked(address, written):
    found = masked(written.format(address))
    assert SECRET not in found
    assert masked(found) == found
    if not written.endswith("}}"):
        assert found.rstrip("'") == written.format(ADDRESSES[address]).rstrip("'")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_command_and_what_hydra_makes_of_an_argument_are_masked(address):
    given = f'tracking.uri="{address}"'
    assert SECRET not in command(["-m", given, "lr=0.1,0.2"])
    escaped = "".join(f"\\{c}" if c in ":= ()[]{}," else c for c in address)
    assert SECRET not in masked(f"tracking.uri={escaped}")


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///outputs/mlflow.db",
        "sqlite:////home/me@work/mlflow.db",
        "postgresql://me@host/db",
        "s3://bucket/a@b/c",
        "http://127.0.0.1:5000/#/experiments/1",
        "data.path=C:/my data/x.csv",
        "git@github.com:me/x",
        "features.terms=[x,y,x*y]",
        "the server at http://me:***@host:5000 cannot be used: refused",
        "its password is not kept on disk (name the store by --uri or MLFLOW_TRACKING_URI)",
    ],
)
def test_nothing_else_is_masked(text):
    assert masked(text) == text


def test_a_sentence_that_repeats_a_secret_in_another_spelling_is_masked(monkeypatch):
    given = ["nnrun", f'tracking.uri="postgresql://me:p@{SECRET} x@host/db"']
    monkeypatch.setattr("sys.argv", given)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "0therS3cret")
    for said in (
        f'could not translate host name "{SECRET}" to address',
        f"cannot open p@{SECRET} x at all, nor p%40{SECRET}%20x",
        "wrong password 0therS3cret",
    ):
        assert "***" in masked(said)
        assert SECRET not in masked(said)
        assert "0therS3cret" not in masked(said)
    assert SECRET not in first_line(ConnectionError(f"{SECRET} is no host"))


def test_no_error_of_ours_tells_a_secret():
    error = InputError(
        Issue("tracking.uri", f"http://me:a {SECRET}@host", "is none", f"http://{SECRET}@host?"),
        Issue(f"'tracking.uri=http://{SECRET}@host'", None, "cannot be read"),
    )
    assert str(error) == (
        "tracking.uri=http://me:***@host: is none (http://***@host?)\n"
        "'tracking.uri=http://***@host': cannot be read"
    )


def test_texts_in_containers_are_masked_by_their_keys_too():
    plain = {
        "env_set": {"A_TOKEN": SECRET, "B": "x"},
        "task": [f"u=http\\://me\\:{SECRET}@h"],
        "n": 1,
    }
    assert masked_values(plain) == {
        "env_set": {"A_TOKEN": "***", "B": "x"},
        "task": ["u=http\\://me\\:***@h"],
        "n": 1,
    }


def test_a_masked_address_is_found_again():
    whole = f"http://{SECRET}@host?token=x"
    assert unmasked(masked(whole), ["http://host", None, whole]) == whole
    with pytest.raises(InputError, match="its password is not kept on disk"):
        unmasked(masked(whole), ["http://host"])


def test_no_password_is_given_to_mlflow_to_keep():
    with pytest.raises(InputError) as raised:
        Tracking(artifacts=f"sftp://me:{SECRET}@host/x")
    assert "artifacts=sftp://me:***@host/x: holds a password, which MLflow would keep" in str(
        raised.value
    )
