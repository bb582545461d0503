"""When a controller that runs alone after a crash has done its work, by what its log says."""

import pytest

from penstock.ops.broker.recovery import Burial

REPLAYED = (
    "Replayed BrokerRegistrationChangeRecord modifying the registration for broker 1: BrokerRegistrationChangeRecord"
)
FIRST = "Replayed initial RegisterBrokerRecord for broker 1: RegisterBrokerRecord(brokerId=1, fenced=true, rack=null)"
SNAPSHOT = FIRST.replace("fenced=true", "fenced=false")
THERE = f"{REPLAYED}(brokerId=1, brokerEpoch=11, fenced=-1, inControlledShutdown=0)"
AWAY = f"{REPLAYED}(brokerId=1, brokerEpoch=11, fenced=1, inControlledShutdown=0)"
OTHER = f"{REPLAYED}(brokerId=1, brokerEpoch=11, fenced=0, inControlledShutdown=0)"
ACTIVE = "Activated periodic tasks: electPreferred, electUnclean"
FENCING = "Fencing broker 1 at epoch 11 because its session has timed out"


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ([FIRST, OTHER, THERE, ACTIVE], False),
        ([FIRST, OTHER, THERE, ACTIVE, FENCING], True),
        ([FIRST, OTHER, THERE, ACTIVE, OTHER], False),
        ([SNAPSHOT, ACTIVE], False),
        ([SNAPSHOT, ACTIVE, FENCING, AWAY], True),
        ([FIRST, ACTIVE], True),
        ([FIRST, THERE, AWAY, ACTIVE], True),
        ([FIRST, THERE, AWAY, FIRST, ACTIVE], True),
        ([FIRST, THERE, AWAY, FIRST, THERE, ACTIVE], False),
        ([FIRST, THERE, FENCING], False),
        ([ACTIVE], True),
        ([], False),
    ],
)
def test_a_broker_that_counts_as_being_there_is_waited_for(said: list[str], done: bool) -> None:  # noqa: FBT001
    burial = Burial()
    for line in said:
        burial.hear(line.encode())
    assert burial.done is done
