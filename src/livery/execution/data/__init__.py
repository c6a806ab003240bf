"""The semantic layer: facts of agent sessions as views that skills may query.

`base_views.sql` decides which observation counts, `views.yml` defines each dimension and measure
once, `prices.yml` holds dated list prices, `views.DataViews` answers queries.
"""
