"""The trading story of the Northwind benchmark: on a handful of rows, and on the data set itself where it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.northwind import DATA, run
from benchmarks.northwind_data import Northwind, read, sums

CUSTOMERS = """\
CustomerID,CompanyName,ContactName,ContactTitle,Address,City,Region,PostalCode,Country,Phone,Fax
ALPHA,Käserei Müller & Söhne,A,Owner,"Straße 1, Hof",Köln,,04179,Germany,030-0074321,030-0076545
BETAS,Antonio  Taquería,B,Owner,Mataderos  2312,México D.F.,,05023,Mexico,(5) 555-3932,
GAMMA,B's Beverages,C,Agent,Fauntleroy Circus,London,,EC2 5NT,UK,(171) 555-1212,
DELTA,Lazy K Store,D,Manager,12 Orchestra Terrace,Walla Walla,WA,09362,USA,(509) 555-7969,(509) 555-6221
EPSIL,GROSELLA-Restaurante,E,Owner,5ª Ave. Los Palos Grandes,Caracas,DF,1081,Venezuela,(2) 283-2951,(2) 283-3397
ZETAS,Vaffeljernet,F,Manager,Smagsløget 45,Århus,,8200,Denmark,86 21 32 43,86 22 33 44
ETASS,Hungry Owl,G,Associate,8 Johnstown Road,Cork,Co. Cork,,Ireland,2967 542,2967 3333
Odd1 ,IT,Odd1,IT,,,,,,,
ODD02,IT,Someone,IT,,,,,,,
"""
CATEGORIES = "CategoryID,CategoryName,Description\n1,Beverages,Drinks\n2,Grains/Cereals,Breads\n"
PRODUCTS = """\
ProductID,ProductName,SupplierID,CategoryID,QuantityPerUnit,UnitPrice,UnitsInStock,UnitsOnOrder,ReorderLevel,Discontinued
1,Guaraná Fantástica,10,1,12 - 355 ml cans,4.5,20,0,0,1
2,Nuß-Nougat-Creme,11,2,20 - 450 g  glasses,14,76,0,30,0
3,Tunnbröd,9,2,12 - 250 g pkgs.,9.65,61,0,25,0
"""
ORDER_HEAD = (
    "OrderID,CustomerID,EmployeeID,OrderDate,RequiredDate,ShippedDate,ShipVia,Freight,"
    "ShipName,ShipAddress,ShipCity,ShipRegion,ShipPostalCode,ShipCountry\n"
)
LINE_HEAD = "OrderID,ProductID,UnitPrice,Quantity,Discount\n"
BUYERS = ("ALPHA", "BETAS", "GAMMA", "DELTA", "Odd1 ")
SHIP_TO = ("59 rue de l-Abbaye,Reims,,01100,France", "Luisenstr. 48,Münster,,44087,UK", "Rua do Paço 67,Rio,RJ,,Brazil")


def _write(folder: Path) -> Northwind:
    """Twelve orders; the discount of 15 % on 4.5 x 3 and on 9.65 falls on half a cent."""
    orders, lines = ORDER_HEAD, LINE_HEAD
    for n in range(12):
        number, day = 20000 + n, f"1996-07-{n + 1:02d} 00:00:00.000"
        orders += f"{number},{BUYERS[n % 5]},5,{day},{day},,3,{n}.15,Chez Ñandú,{SHIP_TO[n % 3]}\n"
        lines += f"{number},1,4.5,3,0.15\n{number},2,14,{n + 1},0.0\n"
        lines += f"{number},3,9.65,1,0.1\n" if n % 2 else ""
    texts = {"customers": CUSTOMERS, "categories": CATEGORIES, "products": PRODUCTS}
    for name, text in {**texts, "orders": orders, "order_details": lines}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    data = read(folder)
    assert data is not None
    return data


def test_a_line_of_half_a_cent_is_rounded_up_before_the_lines_are_added(tmp_path: Path) -> None:
    data = _write(tmp_path)
    found = sums(data)["20001"]
    # 13.50 less 15 % is 11.475; 9.65 less 10 % is 8.685.
    assert str(found.total.normalize()) == "49.32"  # 11.48 + 28.00 + 8.69 + 1.15 of freight


def test_a_few_odd_rows_come_through_first_sync_edits_and_conflicts_to_the_cent(tmp_path: Path) -> None:
    data = _write(tmp_path)
    checks = run(data, tmp_path, quiet=True, inside=True)
    assert checks.failed == []


@pytest.mark.slow
@pytest.mark.skipif(read(DATA) is None, reason="the data set is not beside the repository")
def test_the_whole_data_set_comes_through_first_sync_edits_and_conflicts_to_the_cent(tmp_path: Path) -> None:
    data = read(DATA)
    assert data is not None
    checks = run(data, tmp_path, quiet=True, inside=True)
    assert checks.failed == []
