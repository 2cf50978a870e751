"""How far a request reaches, in figures."""

from patching import impact
from patching.around import Around
from patching.items import with_defaults
from patching.models import MaintenanceWindow
from tests import asks, factories


def of(items):
    return impact.of(Around([with_defaults(one) for one in items]))


def test_the_ha_application_in_figures(cast):
    factories.instance(factories.payments(), "prod", auto_scaling_group="payments-asg")
    reach = of(asks.ha_items(asks.fleet(per_zone=2)))
    assert reach.objects == "6 windows, 3 baselines and 3 patch groups"
    assert reach.news == "12 are new"
    assert (reach.instances, reach.production, reach.gain, reach.lose) == (12, 4, 12, 0)
    assert [(environment.slug, number) for environment, number in reach.environments] == [
        ("prod", 4),
        ("test", 4),
        ("dev", 4),
    ]
    assert reach.at_once == 2  # zones come one after the other
    assert reach.left_out == 1
    assert reach.first_run.window == "payments-dev-a"
    assert [str(place) for place in reach.places] == ["211125483017/eu-central-1"]


def test_instances_that_lose_their_window_are_counted(cast):
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    asks.approve(request, cast["omar"], cast["ines"], cast["clara"])
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    reach = of([{"action": "delete", "kind": "window", "target": window.pk, "spec": {}}])
    assert (reach.instances, reach.lose, reach.news) == (1, 1, "1 is removed")
    assert reach.touches_production
