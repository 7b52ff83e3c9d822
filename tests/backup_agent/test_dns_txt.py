"""TXT records from a name server on loopback."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest

from backup_agent.handle import dns_txt

NAME = "_atproto.alice.skypail.org"

Answer = Callable[[dns.message.Message], None]


class NameServer(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = dns.message.make_response(dns.message.from_wire(data))
        self.answer(response)
        cast(asyncio.DatagramTransport, self.transport).sendto(response.to_wire(), addr)


def look_up(answer: Answer) -> Sequence[str]:
    async def main() -> Sequence[str]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: NameServer(answer), ("127.0.0.1", 0))
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = transport.get_extra_info("sockname")[1]
        try:
            return await dns_txt(NAME, resolver=resolver)
        finally:
            transport.close()

    return asyncio.run(main())


def test_strings_of_a_record_are_joined() -> None:
    def answer(response: dns.message.Message) -> None:
        texts = ['"did=did:plc:" "abc"', '"v=spf1"', '"\\255"']
        response.answer.append(dns.rrset.from_text_list(NAME + ".", 60, "IN", "TXT", texts))

    assert sorted(look_up(answer)) == ["did=did:plc:abc", "v=spf1", "�"]


@pytest.mark.parametrize("rcode", [dns.rcode.NXDOMAIN, dns.rcode.NOERROR])
def test_a_name_without_records(rcode: dns.rcode.Rcode) -> None:
    assert look_up(lambda response: response.set_rcode(rcode)) == []


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_name_server_that_does_not_answer(rcode: dns.rcode.Rcode) -> None:
    with pytest.raises(OSError, match="DNS does not answer"):
        look_up(lambda response: response.set_rcode(rcode))
