"""Find what is wrong with a patch baseline before AWS does, or where AWS stays silent. No database, no AWS.

A baseline is a CreatePatchBaseline request. What AWS refuses, and what can only be a mistake, is an error;
what AWS takes but probably does not do what was meant is a warning. Every problem is found, not only the first.
"""

from patching.baseline_rules.checking import check
from patching.baseline_rules.comparing import change_problems, soak_problems
from patching.baseline_rules.report import Problem, Report
from patching.baseline_rules.vocabulary import Vocabulary, dated, vocabularies

__all__ = [
    "Problem",
    "Report",
    "Vocabulary",
    "change_problems",
    "check",
    "dated",
    "soak_problems",
    "vocabularies",
]
