"""The same addresses as moto's, leading to our answers."""

from moto.ec2 import urls as moto_urls

from patching.simulator.ec2.responses import SimResponse

url_bases = moto_urls.url_bases
url_paths = dict.fromkeys(moto_urls.url_paths, SimResponse.dispatch)
