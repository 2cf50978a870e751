"""The demo company on its first morning, in the portal and in the simulated AWS, with one clock for both."""

from dataclasses import dataclass
from datetime import datetime

import boto3
import pytest

from patching import pull, push
from patching.blueprints import Member, ha_windows_application
from patching.models import AccountRegion, ManagedInstance, PushRun
from portal.demo import company
from portal.governance import clock
from portal.governance.models import Heartbeat, User
from tests import asks
from tests.simulated_aws import REGION, RETAIL, SimulatedAws


@dataclass
class Company:
    """Everybody, the place where payments live, and the simulated AWS."""

    aws: SimulatedAws
    people: dict[str, User]

    @property
    def retail(self) -> AccountRegion:
        return AccountRegion.objects.select_related("account").get(account__account_id=RETAIL, region=REGION)

    def push(self) -> PushRun:
        """What the worker does when a message or the tick wakes it."""
        run = push.push(self.retail, trigger="story")
        assert run is not None
        return run

    def pull(self) -> None:
        pull.pull(self.retail)

    def go_to(self, moment: datetime) -> None:
        """Let time pass in AWS, then in the portal, then read what AWS says."""
        self.aws.advance(to=moment)
        clock.set_to(moment)
        self.pull()

    def ssm(self) -> "boto3.client":
        """Plain boto3, as somebody with their own eyes would use."""
        return self.aws.client("ssm")

    def wish(self) -> list[dict]:
        """The HA Windows application for payments as inventory found it."""
        mine = ManagedInstance.objects.present().filter(application__slug="payments", auto_scaling_group="")
        return ha_windows_application(
            application="payments",
            account=RETAIL,
            region=REGION,
            timezone="Europe/Berlin",
            members=[
                Member(one.instance_id, one.environment.slug, one.availability_zone)
                for one in mine.select_related("environment")
            ],
        )


@pytest.fixture
def company_at_work(db: None, simulated_aws: SimulatedAws) -> Company:
    clock.set_to(simulated_aws.now)
    company.found(simulated_aws.door("accounts"))
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    at_work = Company(simulated_aws, {user.username: user for user in User.objects.all()})
    at_work.pull()
    return at_work


@pytest.fixture
def at_work(company_at_work: Company) -> Company:
    """The company with its HA application in AWS, and what every node lacks read."""
    people = company_at_work.people
    request = asks.submitted(people["rita"], company_at_work.wish())
    asks.approve(request, people["omar"], people["ivan"], people["clara"])
    company_at_work.push()
    company_at_work.pull()
    return company_at_work
