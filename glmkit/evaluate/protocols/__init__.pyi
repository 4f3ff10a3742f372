from ._compare import compare as compare
from ._few_shot import few_shot as few_shot
from ._reproduce import Reproduction as Reproduction
from ._reproduce import reproduce as reproduce
from ._reproduce import table_differences as table_differences
from ._zero_shot import zero_shot as zero_shot
