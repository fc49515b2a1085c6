page 50110 "BH API Request Lines"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'returnRequestLine';
    EntitySetName = 'returnRequestLines';
    SourceTable = "BH Return Request Line";
    ODataKeyFields = SystemId;
    Extensible = false;
    DelayedInsert = true;
    ModifyAllowed = false;
    DeleteAllowed = false;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { Editable = false; }
                field(requestId; RequestId) { Editable = false; }
                field(externalLineId; Rec."External Line Id") { }
                field(lineType; Rec.Type) { }
                field(number; Rec."No.") { }
                field(variantCode; Rec."Variant Code") { }
                field(description; Rec.Description) { }
                field(quantity; Rec.Quantity) { }
                field(unitOfMeasureCode; Rec."Unit of Measure Code") { }
                field(unitPrice; Rec."Unit Price") { }
                field(lineDiscountAmount; Rec."Line Discount Amount") { }
                field(returnReasonCode; Rec."Return Reason Code") { }
                field(locationCode; Rec."Location Code") { }
                field(binCode; Rec."Bin Code") { }
                field(vatProdPostingGroup; Rec."VAT Prod. Posting Group") { }
                field(originalDocumentNumber; Rec."Original Document No.") { }
                field(applFromItemEntry; Rec."Appl.-from Item Entry") { }
                field(taxPercent; Rec."VAT %") { Editable = false; }
                field(amountExcludingTax; Rec.Amount) { Editable = false; }
                field(amountIncludingTax; Rec."Amount Including VAT") { Editable = false; }
            }
        }
    }

    trigger OnAfterGetRecord()
    begin
        RequestId := Rec."Request SystemId";
    end;

    var
        RequestId: Guid;
}
