import pytest

from patching.catalogue.products import covers, product_of, red_hat_product, systems_of


@pytest.mark.parametrize(
    ("system", "name", "version", "product"),
    [
        ("WINDOWS", "Microsoft Windows Server 2022 Datacenter", "10.0.20348", "WindowsServer2022"),
        ("WINDOWS", "Microsoft Windows Server 2012 R2 Standard", "6.3.9600", "WindowsServer2012R2"),
        ("REDHAT_ENTERPRISE_LINUX", "Red Hat Enterprise Linux", "9.7", "RedhatEnterpriseLinux9.7"),
        ("AMAZON_LINUX_2023", "Amazon Linux", "2023", "AmazonLinux2023"),
        ("UBUNTU", "Ubuntu", "22.04", "Ubuntu22.04"),
        ("DEBIAN", "Debian GNU/Linux", "12.5", "Debian12"),
        ("WINDOWS", "", "", ""),
        ("", "Plan 9", "4", ""),
    ],
)
def test_inventory_tells_the_product_of_an_instance(system, name, version, product):
    assert product_of(system, name, version) == product


@pytest.mark.parametrize(
    ("words", "product"),
    [
        ("Red Hat Enterprise Linux AppStream (v. 9)", "RedhatEnterpriseLinux9"),
        ("Red Hat Enterprise Linux BaseOS EUS (v.8.6)", "RedhatEnterpriseLinux8.6"),
        ("Red Hat Enterprise Linux AS version 4", "RedhatEnterpriseLinux4"),
        ("Red Hat OpenShift Container Platform 4.16", ""),
        ("Quay v3", ""),
    ],
)
def test_red_hat_s_words_for_a_release_become_ssm_s(words, product):
    assert red_hat_product(words) == product


def test_a_major_release_stands_for_its_minor_ones_and_for_no_other():
    assert covers(["RedhatEnterpriseLinux9"], "RedhatEnterpriseLinux9.7")
    assert not covers(["AmazonLinux2"], "AmazonLinux2023")
    assert covers([], "AmazonLinux2023")


def test_products_name_their_operating_system():
    assert systems_of(["WindowsServer2022", "AmazonLinux2023", "AmazonLinux2.0", "Ubuntu22.04"]) == {
        "WindowsServer2022": "WINDOWS",
        "AmazonLinux2023": "AMAZON_LINUX_2023",
        "AmazonLinux2.0": "AMAZON_LINUX_2",
        "Ubuntu22.04": "UBUNTU",
    }
