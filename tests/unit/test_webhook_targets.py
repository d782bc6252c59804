"""URLs that webhooks may have, and those that people try."""

from __future__ import annotations

import pytest

from docmill.domain.errors import InvalidArgument
from docmill.webhooks import TargetRefused
from docmill.webhooks.guard import Guard, parse_networks
from docmill.webhooks.target import check

OPEN = Guard()
LOCAL = Guard(parse_networks("127.0.0.0/8, 10.20.0.0/16, fd00:1::/64"))

HOSTILE = [
    "",
    "hooks.example",
    "//hooks.example/",
    "https://",
    "https:///hook",
    "https://:443/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "gopher://hooks.example/",
    "unix:/run/docker.sock",
    "javascript:alert(1)",
    "http://hooks.example/",
    "http://93.184.215.14/",
    "https://user@hooks.example/",
    "https://user:password@hooks.example/",
    "https://hooks.example@127.0.0.1/",
    "https://hooks.example\\@127.0.0.1/",
    "https://127.0.0.1\\@hooks.example/",
    "https://hooks.example:22/",
    "https://hooks.example:25/",
    "https://hooks.example:1023/",
    "https://hooks.example:0/",
    "https://hooks.example:65536/",
    "https://hooks.example:99999/",
    "https://hooks.example:-1/",
    "https://hooks.example:443x/",
    f"https://hooks.example/{'a' * 2048}",
    f"https://{'a' * 250}.example/",
    "https://hooks.example/\r\nX-Own: 1",
    "https://hooks.example/\n",
    " https://hooks.example/",
    "https://hooks .example/",
    "https://hooks%2eexample/",
    "https://a..b/",
    "https://-a.example/",
    "https://localhost/",
    "https://LOCALHOST:8443/",
    "https://localhost./",
    "https://db.localhost/",
    "https://localhost.localdomain/",
    "https://ip6-localhost/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.0x1/",
    "https://%31%32%37.0.0.1/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://127\u30020\u30020\u30021/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "https://0.0.0.0/",
    "https://0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://169.254.169.254/latest/meta-data/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[febf::1]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[::1/",
    "https://metadata/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://METADATA.google.internal./",
    "https://instance-data/latest/",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_what_must_not_be_called_is_refused_at_once(url: str) -> None:
    """None of these is accepted with a run, and no message tells more than the URL did."""
    with pytest.raises(TargetRefused):
        check(url, OPEN)


@pytest.mark.parametrize(
    ("url", "called", "host"),
    [
        ("https://hooks.example/a?b=c", "https://hooks.example/a?b=c", "hooks.example"),
        ("HTTPS://Hooks.Example:443/A", "https://hooks.example/A", "hooks.example"),
        ("https://hooks.example.:8443/", "https://hooks.example:8443/", "hooks.example"),
        ("https://hooks.example/#part", "https://hooks.example/", "hooks.example"),
        ("https://hooks.example:80/", "https://hooks.example:80/", "hooks.example"),
        ("https://hooks.example:65535/", "https://hooks.example:65535/", "hooks.example"),
        ("https://m\u00fcller.example/\u00fc", "https://xn--mller-kva.example/%C3%BC", "xn--mller-kva.example"),
        ("https://my_hooks.a-b.example/", "https://my_hooks.a-b.example/", "my_hooks.a-b.example"),
        ("https://93.184.215.14/", "https://93.184.215.14/", "93.184.215.14"),
        ("https://[2606:2800:21f::1]:8443/", "https://[2606:2800:21f::1]:8443/", "2606:2800:21f::1"),
        ("https://1e100.net/", "https://1e100.net/", "1e100.net"),
    ],
)
def test_what_may_be_called(url: str, called: str, host: str) -> None:
    """Names and public addresses over https; the URL as it is called has one spelling."""
    target = check(url, OPEN)
    assert (target.url, target.host) == (called, host)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:3000/hook",
        "https://127.9.9.9/",
        "http://[::ffff:127.0.0.1]:3000/",
        "http://10.20.30.40/",
        "http://[fd00:1::5]:8080/",
        "http://localhost:3000/",
        "http://db.localhost:3000/",
        "http://receiver.internal/",  # whether its addresses are allowed shows when it is called
    ],
)
def test_what_the_operator_allows(url: str) -> None:
    """Networks on the list may be reached, and over plain http."""
    assert check(url, LOCAL).host


@pytest.mark.parametrize(
    "url", ["http://93.184.215.14/", "http://10.21.0.1/", "https://169.254.169.254/", "http://metadata/"]
)
def test_the_list_opens_nothing_else(url: str) -> None:
    """What is not on the list stays closed."""
    with pytest.raises(TargetRefused):
        check(url, LOCAL)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "localhost", "10.1.2.3/16", "10.0.0.0/8 192.168.0.0/16"])
def test_a_mistyped_list_is_told(text: str) -> None:
    """The message names the part that is no network."""
    with pytest.raises(InvalidArgument, match="DOCMILL_WEBHOOK_ALLOW"):
        parse_networks(f"127.0.0.1, {text}")
