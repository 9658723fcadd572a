"""The section `tracing`: what it needs, and that nothing secret stands in it."""

import sys

import pytest

from bridge.core.errors import SettingsError


def test_nothing_is_traced_unless_that_is_asked_for(read):
    assert not read("").tracing.enabled


def test_a_section_may_say_everything(read):
    settings = read(
        "tracing: {enabled: true, collector: 'https://otel.example.com:4318', headers: {x-api-key: {env: KEY}}, "
        "service_name: social, sample: 0.1, partners: true}",
        KEY="collector-key-0123",
    )
    assert (settings.tracing.sample, settings.tracing.headers) == (0.1, {"x-api-key": "collector-key-0123"})
    assert "collector-key-0123" in settings.secrets
    assert "collector-key-0123" not in repr(settings)


@pytest.mark.parametrize("missing", ["opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"])
def test_without_what_it_needs_the_start_is_refused_with_the_command_that_installs_it(read, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)  # As import sees what is not there.
    assert not read("tracing: {enabled: false}").tracing.enabled
    with pytest.raises(SettingsError) as caught:
        read("tracing: {enabled: true}")
    [fault] = caught.value.faults
    assert fault.field == "tracing.enabled"
    assert "pip install 'bridge-publish[otel]'" in fault.remedy
    assert "REQUIREMENTS=requirements-otel.lock" in fault.remedy


@pytest.mark.parametrize(
    "address", ["otel:4318", "ftp://otel", "https://otel/?key=hush", "https://me:hush@otel", "https://"]
)
def test_a_collector_is_an_address_without_anything_secret(refused, address):
    assert refused(f"tracing: {{collector: '{address}'}}") == {"tracing.collector": "is not the address of a collector"}


def test_a_header_that_is_a_secret_by_its_name_may_not_stand_in_the_file(refused):
    [(field, problem)] = refused("tracing: {headers: {Authorization: Bearer hush}}").items()
    assert field == "tracing.headers.Authorization"
    assert "stands in the file itself" in problem


@pytest.mark.parametrize("end", ["/v1/traces", "/otlp/v1/traces/"])
def test_a_collector_is_named_without_what_is_added_to_it(refused, end):
    problems = refused(f"tracing: {{collector: 'http://otel:4318{end}'}}")
    assert problems == {"tracing.collector": "ends in /v1/traces, which is added to it"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key: hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,hush"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", 'x-api-key="hush"'),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "hush"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd-hush"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "hush"),
    ],
)
def test_a_variable_that_the_exporter_cannot_go_by_is_named_and_not_its_value(refused, read, environ, name, value):
    environ[name] = value
    [(field, problem)] = refused("tracing: {enabled: true}").items()
    assert field == name
    assert "hush" not in problem
    assert not read("tracing: {enabled: false}").tracing.enabled


def test_variables_that_the_exporter_can_go_by_are_taken(read, environ):
    environ |= {"OTEL_EXPORTER_OTLP_HEADERS": " x-api-key = a b , ,y=%2C=", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    environ |= {"OTEL_EXPORTER_OTLP_TIMEOUT": "2.5", "OTEL_SPAN_LINK_COUNT_LIMIT": ""}
    assert read("tracing: {enabled: true}").tracing.enabled


def test_what_the_variables_for_headers_hold_is_hidden(read, environ):
    environ["OTEL_EXPORTER_OTLP_HEADERS"] = "authorization=Basic%20dXNlcjpodXNo,x-api-key=key-0123%2B"
    hidden = read("tracing: {enabled: true}").secrets
    assert {"dXNlcjpodXNo", "Basic dXNlcjpodXNo", "Basic%20dXNlcjpodXNo", "key-0123%2B", "key-0123+"} <= set(hidden)


def test_opentelemetrys_own_switch_goes_before(read, environ):
    environ["OTEL_SDK_DISABLED"] = " True"
    settings = read("tracing: {enabled: true}")
    assert not settings.tracing.enabled
    [told] = (warning for warning in settings.warnings if "OTEL_SDK_DISABLED" in warning)
    assert told.startswith("tracing.enabled: ")


def test_a_key_that_travels_in_the_clear_is_warned_of(read):
    text = "tracing: {{collector: '{}://otel:4318', headers: {{x-api-key: {{env: KEY}}}}}}"
    [told] = (one for one in read(text.format("http")).warnings if one.startswith("tracing."))
    assert "plain http" in told
    assert not [one for one in read(text.format("https")).warnings if one.startswith("tracing.")]


@pytest.mark.parametrize("sample", [-0.1, 1.1, "many"])
def test_a_part_is_between_none_and_all(refused, sample):
    assert list(refused(f"tracing: {{sample: {sample}}}")) == ["tracing.sample"]
