# SPDX-License-Identifier: GPL-2.0
#
# One plot of the data that bench/report wrote. Whoever calls sets the terminal,
# `plot_name` and `ending`. Each plot is its own multiple of what it is compared with: none
# shows a bare time.

names = "gmemfs-warm gmemfs-cold gmemfs-4k-warm gmemfs-4k memfd shmem-huge hugetlbfs memfd_secret"
colors = "#00441b #238b45 #66c2a4 #99d8c9 #525252 #969696 #bdbdbd #d94801"
color(i) = word(colors, i)

set datafile missing "-"
set style data histograms
set style fill solid 0.9 noborder
set boxwidth 0.9
set key outside right top
set grid ytics lc rgb "#dddddd"
set xtics nomirror rotate by -15
set errorbars lc rgb "black"
set ytics nomirror
set border 3
set style histogram clustered gap 2
set output plot_name.".".ending
set logscale y
set format y "%g"

# Each backing but memfd, which is 1, with the 5th and 95th percentile of the ratios.
beside = "1 2 3 4 6 7 8"
if (plot_name eq "speed") {
	set style histogram errorbars gap 2 lw 1
	set ylabel "times as fast as memfd"
	plot for [i=1:7] "speed.dat" using (column(3 * i - 1)): \
		(column(3 * i)):(column(3 * i + 1)):xtic(1) \
		lc rgb color(int(word(beside, i))) \
		title word(names, int(word(beside, i))), \
		1 with lines lc rgb color(5) title "memfd"
}

if (plot_name eq "instructions") {
	set ylabel "instructions a page (4 KiB)"
	plot for [i=1:8] "instructions.dat" using (column(i + 1)):xtic(1) \
		lc rgb color(i) title word(names, i)
}

if (plot_name eq "broadcasts") {
	set ylabel "flush broadcasts a GiB"
	set yrange [0.5:*]
	plot for [i=1:8] "broadcasts.dat" using (column(i + 1)):xtic(1) \
		lc rgb color(i) title word(names, i)
}

if (plot_name eq "memory") {
	unset logscale y
	set yrange [0:*]
	set ylabel "MiB for each GiB"
	plot "memory.dat" using 2:xtic(1) lc rgb color(2) title "kernel's own", \
		"" using 3:xtic(1) lc rgb color(6) title "user page tables", \
		1.024 with lines lc rgb color(8) title "0.1%"
}

if (plot_name eq "scale") {
	set ylabel "instructions a page (4 KiB)"
	set xlabel "filled at once by"
	plot for [i=1:4] "scale.dat" using (column(i + 1)):xtic(1) \
		lc rgb color(int(word("1 2 4 5", i))) \
		title word("gmemfs-warm gmemfs-cold gmemfs-4k memfd", i)
}

if (plot_name eq "convert") {
	set ylabel "instructions a page (4 KiB)"
	set xlabel "pages a call"
	plot "convert.dat" using 2:xtic(1) lc rgb color(1) title "to shared", \
		"" using 3 lc rgb color(4) title "page by page", \
		"" using 4 lc rgb color(8) title "to private", \
		"" using 5 lc rgb "#fdae6b" title "page by page"
}

if (plot_name eq "windows") {
	set ylabel "instructions"
	set xlabel "open and close, and copy 4 KiB in between, in a region of"
	plot for [i=1:5] "windows.dat" using (column(i + 1)):xtic(1) \
		lc rgb word("#bdbdbd #00441b #238b45 #99d8c9 #d94801", i) \
		title word("no-window own-key key no-key mprotect", i)
}

# Each method beside memfd, which is 1.
method_color(i) = word("#525252 #00441b #238b45 #9ecae1 #99d8c9 #fdae6b #d94801 #6a51a3", i)
method_title(i) = word("not-hidden hidden windows memfd,direct shared-I/O swiotlb reinsert NVMe-by-VFIO", i)
if (plot_name[1:4] eq "disk") {
	set xtics nomirror rotate by -35
	set bmargin 8
}

if (plot_name eq "disk" || plot_name eq "disk-p50" || plot_name eq "disk-p99") {
	set style histogram errorbars gap 2 lw 1
	if (plot_name eq "disk") {
		set ylabel "times as fast as memfd"
	} else {
		set ylabel plot_name[6:8]." latency, times that of memfd"
	}
	plot for [i=1:8] plot_name.".dat" using (column(3 * i - 1)): \
		(column(3 * i)):(column(3 * i + 1)):xtic(1) \
		lc rgb method_color(i) title method_title(i), \
		1 with lines lc rgb color(5) title "memfd"
}

if (plot_name eq "disk-counts") {
	set ylabel "times as few instructions as memfd"
	plot for [i=1:8] "disk-counts.dat" using (column(i + 1)):xtic(1) \
		lc rgb method_color(i) title method_title(i), \
		1 with lines lc rgb color(5) title "memfd"
}
