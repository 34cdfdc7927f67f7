// SPDX-License-Identifier: GPL-2.0
// libgmem from C++: the headers compile, and what they declare is there.
#include <gmem.h>

#include <cstdio>
#include <cstring>
#include <memory>

namespace
{

int tests, failed;

void ok(bool good, const char *name)
{
	std::printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	failed += !good;
}

struct destroy {
	void operator()(gmem_region *region) const
	{
		gmem_region_destroy(region);
	}
};

using region_ptr = std::unique_ptr<gmem_region, destroy>;

region_ptr make(const gmem_region_options &options)
{
	gmem_region *region = nullptr;

	gmem_region_create(&options, &region);
	return region_ptr(region);
}

}

int main()
{
	gmem_region_options options{};

	options.size = 4 * GMEM_BLOCK_SIZE;
	options.demand = GMEM_PROTECT_HIDDEN;
	region_ptr region = make(options);

	ok(region != nullptr, "a region");
	if (!region)
		return 1;
	std::memset(region->address, 1, region->size);

	gmem_protection protection;

	ok(!gmem_region_protection(region.get(), &protection) &&
	   protection.hidden == region->size, "all of it is hidden");
	ok(!gmem_region_convert(region.get(), 0, GMEM_PAGE_SIZE, 0, 0, 0,
				nullptr), "a page is shared");

	options.demand = GMEM_PROTECT_HUGE << 20;
	ok(!make(options), "what nobody knows can't be demanded");
	ok(std::strstr(gmem_last_error(), "demand") != nullptr,
	   "and the error says so");
	std::printf("1..%d\n", tests);
	return failed != 0;
}
