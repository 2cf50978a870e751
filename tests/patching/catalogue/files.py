"""Small files of every format, made up after the vendors' own; hostile ones are made from them."""

import json

WINDOWS_KBS = b"""\
{"KbNumber": "KB5039217", "Product": "WindowsServer2022", "ReleaseDate": "2026-06-09", "MsrcSeverity": "Critical", \
"CVEIds": ["CVE-2026-1001", "ADV260001"], "Supersedes": ["KB5037771"]}
{"KbNumber": "KB5037771", "Product": "WindowsServer2022", "ReleaseDate": "2026-05-12", "MsrcSeverity": "Important", \
"CVEIds": ["CVE-2026-1000"], "Supersedes": []}
{"KbNumber": "KB", "Product": "WindowsServer2016", "ReleaseDate": "2026-05-12", "MsrcSeverity": "Low", "CVEIds": []}
"""
MSRC_CVRF = json.dumps(
    {
        "DocumentTracking": {
            "InitialReleaseDate": "2026-06-09T07:00:00Z",
            "CurrentReleaseDate": "2026-06-12T07:00:00Z",
        },
        "ProductTree": {
            "FullProductName": [
                {"ProductID": "11923", "Value": "Windows Server 2022"},
                {"ProductID": "11924", "Value": "Windows Server 2022 (Server Core installation)"},
                {"ProductID": "12", "Value": "Microsoft Office 2019"},
            ]
        },
        "Vulnerability": [
            {
                "CVE": "CVE-2026-1001",
                "Threats": [
                    {"Type": 3, "Description": {"Value": "Important"}, "ProductID": ["11923"]},
                    {"Type": 0, "Description": {"Value": "Remote Code Execution"}, "ProductID": ["11923"]},
                ],
                "Remediations": [
                    {
                        "Type": 2,
                        "Description": {"Value": "5039217"},
                        "Supercedence": "5037771",
                        "ProductID": ["11923", "11924"],
                    },
                    {"Type": 2, "Description": {"Value": "5002500"}, "ProductID": ["12"]},
                ],
            }
        ],
    }
).encode()
ALAS = json.dumps(
    {
        "ID": "ALAS2023-2026-935",
        "Type": "security",
        "Severity": "important",
        "Issued": {"Date": "2026-04-09 19:43:00"},
        "Updated": {"Date": "2026-06-19 04:31:00"},
        "References": {
            "Reference": [{"ID": "CVE-2026-2001", "Type": "cve"}, {"ID": "RHSA-1", "Type": "redhat"}]
        },
        "Pkglist": {
            "Collection": {
                "Short": "amazon-linux-2023",
                "Package": [
                    {
                        "Name": "openssl",
                        "Arch": "x86_64",
                        "Epoch": "1",
                        "Version": "3.0.8",
                        "Release": "1.amzn2023",
                    }
                ],
            }
        },
    }
).encode()
UPDATEINFO = b"""<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update type="security" from="linux-security@amazon.com" status="final">
    <id>ALAS2023-2026-935</id>
    <severity>Important</severity>
    <issued date="2026-04-09 19:43:00"/>
    <updated date="2026-06-19 04:31:00"/>
    <references><reference type="cve" id="CVE-2026-2001"/><reference type="self" id="x"/></references>
    <pkglist><collection>
      <package name="openssl" arch="x86_64" epoch="1" version="3.0.8" release="1.amzn2023"/>
      <package name="openssl" arch="src" epoch="1" version="3.0.8" release="1.amzn2023"/>
    </collection></pkglist>
  </update>
</updates>
"""
OVAL = b"""<?xml version="1.0"?>
<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5">
  <generator><timestamp xmlns="http://oval.mitre.org/XMLSchema/oval-common-5">2026-06-30T00:00:00</timestamp></generator>
  <definitions><definition class="patch" id="oval:com.redhat.rhsa:def:20261234">
    <metadata>
      <reference ref_id="RHSA-2026:1234" source="RHSA"/>
      <advisory from="secalert@redhat.com"><severity>Important</severity><issued date="2026-06-02"/>
        <cve>CVE-2026-3001</cve></advisory>
    </metadata>
    <criteria operator="AND">
      <criterion comment="Red Hat Enterprise Linux 9 is installed"/>
      <criteria><criterion comment="openssl is earlier than 1:3.0.7-27.el9"/>
        <criterion comment="openssl is signed with Red Hat redhatrelease2 key"/></criteria>
    </criteria>
  </definition></definitions>
</oval_definitions>
"""
CSAF = json.dumps(
    {
        "document": {
            "csaf_version": "2.0",
            "aggregate_severity": {"text": "Important"},
            "tracking": {
                "id": "RHSA-2026:1234",
                "initial_release_date": "2026-06-02T08:00:00+00:00",
                "current_release_date": "2026-06-03T08:00:00+00:00",
            },
        },
        "product_tree": {
            "branches": [
                {
                    "branches": [
                        {
                            "product": {
                                "product_id": "AppStream-9.4",
                                "name": "Red Hat Enterprise Linux AppStream (v. 9)",
                            }
                        }
                    ]
                }
            ],
            "relationships": [
                {
                    "product_reference": "openssl-1:3.0.7-27.el9.x86_64",
                    "relates_to_product_reference": "AppStream-9.4",
                },
                {
                    "product_reference": "openssl-1:3.0.7-27.el9.src",
                    "relates_to_product_reference": "AppStream-9.4",
                },
            ],
        },
        "vulnerabilities": [{"cve": "CVE-2026-3001"}],
    }
).encode()
ALMALINUX = b"""\
{"id": "ALSA-2026:1234", "type": "Security", "severity": "Important", "published": "2026-06-03T00:00:00Z", \
"release": "9", "upstream": ["RHSA-2026:1234"], "cves": ["CVE-2026-3001"], \
"packages": [{"name": "openssl", "fixed": ["1:3.0.7-27.el9"]}]}
"""
KEV = json.dumps(
    {
        "dateReleased": "2026-06-30T10:00:00Z",
        "vulnerabilities": [
            {
                "cveID": "CVE-2026-1001",
                "vulnerabilityName": "Windows Something",
                "dateAdded": "2026-06-20",
                "dueDate": "2026-07-11",
                "knownRansomwareCampaignUse": "Known",
                "requiredAction": "Apply updates per vendor instructions.",
            }
        ],
    }
).encode()
EPSS = b"""#model_version:v2026.03.01,score_date:2026-06-30T00:00:00+0000
cve,epss,percentile
CVE-2026-1001,0.93,0.99
CVE-2026-9999,0.01,0.10
"""
ALL = {
    "windows-kbs": WINDOWS_KBS,
    "msrc-cvrf": MSRC_CVRF,
    "alas": ALAS,
    "updateinfo": UPDATEINFO,
    "oval": OVAL,
    "csaf": CSAF,
    "almalinux": ALMALINUX,
    "kev": KEV,
    "epss": EPSS,
}
